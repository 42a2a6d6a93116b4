"""BibTeX entries of the papers and libraries that LenStream builds on; `citations` says which belong to what."""

BIBLIOGRAPHY = r"""
@software{lenstream,
  author = {{LenStream developers}},
  title = {{LenStream: strong gravitational lenses simulated on the fly and streamed into self-supervised training}},
  year = {2026}
}

@article{birrer2018,
  author = {Birrer, Simon and Amara, Adam},
  title = {{lenstronomy: Multi-purpose gravitational lens modelling software package}},
  journal = {Physics of the Dark Universe}, volume = {22}, pages = {189}, year = {2018},
  doi = {10.1016/j.dark.2018.11.002}, eprint = {1803.09746}, archivePrefix = {arXiv}
}

@article{birrer2021,
  author = {Birrer, Simon and others},
  title = {{lenstronomy II: A gravitational lensing software ecosystem}},
  journal = {Journal of Open Source Software}, volume = {6}, number = {62}, pages = {3283}, year = {2021},
  doi = {10.21105/joss.03283}, eprint = {2106.05976}, archivePrefix = {arXiv}
}

@inproceedings{salmon2011,
  author = {Salmon, John K. and Moraes, Mark A. and Dror, Ron O. and Shaw, David E.},
  title = {{Parallel random numbers: as easy as 1, 2, 3}},
  booktitle = {SC '11: International Conference for High Performance Computing, Networking, Storage and Analysis},
  year = {2011}, doi = {10.1145/2063384.2063405}
}

@article{harris2020,
  author = {Harris, Charles R. and others},
  title = {{Array programming with NumPy}},
  journal = {Nature}, volume = {585}, pages = {357--362}, year = {2020},
  doi = {10.1038/s41586-020-2649-2}, eprint = {2006.10256}, archivePrefix = {arXiv}
}

@inproceedings{lam2015,
  author = {Lam, Siu Kwan and Pitrou, Antoine and Seibert, Stanley},
  title = {{Numba: A LLVM-based Python JIT Compiler}},
  booktitle = {Second Workshop on the LLVM Compiler Infrastructure in HPC},
  year = {2015}, doi = {10.1145/2833157.2833162}
}

@article{virtanen2020,
  author = {Virtanen, Pauli and others},
  title = {{SciPy 1.0: fundamental algorithms for scientific computing in Python}},
  journal = {Nature Methods}, volume = {17}, pages = {261--272}, year = {2020},
  doi = {10.1038/s41592-019-0686-2}, eprint = {1907.10121}, archivePrefix = {arXiv}
}

@article{astropy2022,
  author = {{Astropy Collaboration}},
  title = {{The Astropy Project: Sustaining and Growing a Community-oriented Open-source Project and the Latest Major
           Release (v5.0) of the Core Package}},
  journal = {Astrophysical Journal}, volume = {935}, pages = {167}, year = {2022},
  doi = {10.3847/1538-4357/ac7c74}, eprint = {2206.14220}, archivePrefix = {arXiv}
}

@article{tessore2015,
  author = {Tessore, Nicolas and Metcalf, R. Benton},
  title = {{The elliptical power law profile lens}},
  journal = {Astronomy \& Astrophysics}, volume = {580}, pages = {A79}, year = {2015},
  doi = {10.1051/0004-6361/201526773}, eprint = {1507.01819}, archivePrefix = {arXiv}
}

@article{kormann1994,
  author = {Kormann, R. and Schneider, P. and Bartelmann, M.},
  title = {{Isothermal elliptical gravitational lens models}},
  journal = {Astronomy \& Astrophysics}, volume = {284}, pages = {285--299}, year = {1994}
}

@article{navarro1997,
  author = {Navarro, Julio F. and Frenk, Carlos S. and White, Simon D. M.},
  title = {{A Universal Density Profile from Hierarchical Clustering}},
  journal = {Astrophysical Journal}, volume = {490}, pages = {493--508}, year = {1997},
  doi = {10.1086/304888}, eprint = {astro-ph/9611107}, archivePrefix = {arXiv}
}

@article{bartelmann1996,
  author = {Bartelmann, Matthias},
  title = {{Arcs from a universal dark-matter halo profile}},
  journal = {Astronomy \& Astrophysics}, volume = {313}, pages = {697--702}, year = {1996},
  eprint = {astro-ph/9602053}, archivePrefix = {arXiv}
}

@article{hernquist1990,
  author = {Hernquist, Lars},
  title = {{An Analytical Model for Spherical Galaxies and Bulges}},
  journal = {Astrophysical Journal}, volume = {356}, pages = {359--364}, year = {1990},
  doi = {10.1086/168845}
}

@misc{keeton2001,
  author = {Keeton, Charles R.},
  title = {{A Catalog of Mass Models for Gravitational Lensing}},
  year = {2001}, eprint = {astro-ph/0102341}, archivePrefix = {arXiv}
}

@article{baltz2009,
  author = {Baltz, Edward A. and Marshall, Phil and Oguri, Masamune},
  title = {{Analytic models of plausible gravitational lens potentials}},
  journal = {Journal of Cosmology and Astroparticle Physics}, volume = {2009}, number = {01}, pages = {015},
  year = {2009}, doi = {10.1088/1475-7516/2009/01/015}, eprint = {0705.0682}, archivePrefix = {arXiv}
}

@misc{xu2013,
  author = {Xu, Dandan and Sluse, Dominique and Gao, Liang and Wang, Jie and Frenk, Carlos and Mao, Shude and
            Schneider, Peter},
  title = {{How well can cold-dark-matter substructures account for the observed lensing flux-ratio anomalies?}},
  year = {2013}, eprint = {1307.4220}, archivePrefix = {arXiv}
}

@article{hernquist1990,
  author = {Hernquist, Lars},
  title = {{An Analytical Model for Spherical Galaxies and Bulges}},
  journal = {Astrophysical Journal}, volume = {356}, pages = {359--364}, year = {1990}, doi = {10.1086/168845}
}

@misc{keeton2001,
  author = {Keeton, Charles R.},
  title = {{A Catalog of Mass Models for Gravitational Lensing}},
  year = {2001}, eprint = {astro-ph/0102341}, archivePrefix = {arXiv}
}

@article{sersic1963,
  author = {S{\'e}rsic, Jos{\'e} Luis},
  title = {{Influence of the atmospheric and instrumental dispersion on the brightness distribution in a galaxy}},
  journal = {Bolet{\'i}n de la Asociaci{\'o}n Argentina de Astronom{\'i}a}, volume = {6}, pages = {41},
  year = {1963}
}

@article{alexander2020,
  author = {Alexander, Stephon and Gleyzer, Sergei and McDonough, Evan and Toomey, Michael W. and Usai, Emanuele},
  title = {{Deep Learning the Morphology of Dark Matter Substructure}},
  journal = {Astrophysical Journal}, volume = {893}, pages = {15}, year = {2020},
  doi = {10.3847/1538-4357/ab7925}, eprint = {1909.07346}, archivePrefix = {arXiv}
}

@article{dutton2014,
  author = {Dutton, Aaron A. and Macci{\`o}, Andrea V.},
  title = {{Cold dark matter haloes in the Planck era: evolution of structural parameters for Einasto and NFW
           profiles}},
  journal = {Monthly Notices of the Royal Astronomical Society}, volume = {441}, pages = {3359--3374}, year = {2014},
  eprint = {1402.7073}, archivePrefix = {arXiv}
}

@article{duffy2008,
  author = {Duffy, Alan R. and Schaye, Joop and Kay, Scott T. and Dalla Vecchia, Claudio},
  title = {{Dark matter halo concentrations in the Wilkinson Microwave Anisotropy Probe year 5 cosmology}},
  journal = {Monthly Notices of the Royal Astronomical Society}, volume = {390}, pages = {L64--L68}, year = {2008},
  eprint = {0804.2486}, archivePrefix = {arXiv}
}

@article{rowe2015,
  author = {Rowe, Barnaby and others},
  title = {{GALSIM: The modular galaxy image simulation toolkit}},
  journal = {Astronomy and Computing}, volume = {10}, pages = {121--150}, year = {2015},
  doi = {10.1016/j.ascom.2015.02.002}, eprint = {1407.7676}, archivePrefix = {arXiv}
}

@article{mandelbaum2012,
  author = {Mandelbaum, Rachel and Hirata, Christopher M. and Leauthaud, Alexie and Massey, Richard J. and
            Rhodes, Jason},
  title = {{Precision simulation of ground-based lensing data using observations from space}},
  journal = {Monthly Notices of the Royal Astronomical Society}, volume = {420}, pages = {1518}, year = {2012}
}

@article{koekemoer2007,
  author = {Koekemoer, Anton M. and others},
  title = {{The COSMOS Survey: Hubble Space Telescope Advanced Camera for Surveys Observations and Data Processing}},
  journal = {Astrophysical Journal Supplement Series}, volume = {172}, pages = {196--202}, year = {2007},
  eprint = {astro-ph/0703095}, archivePrefix = {arXiv}
}

@inproceedings{chen2021,
  author = {Chen, Xinlei and He, Kaiming},
  title = {{Exploring Simple Siamese Representation Learning}},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)}, year = {2021},
  eprint = {2011.10566}, archivePrefix = {arXiv}
}

@misc{chang2023,
  author = {Chang, Po-Wen and Huang, Kuan-Wei and Fagin, Joshua and Chan, James Hung-Hsu and Lin, Joshua Yao-Yu},
  title = {{LenSiam: Self-Supervised Learning on Strong Gravitational Lens Images}},
  year = {2023}, eprint = {2311.10100}, archivePrefix = {arXiv}
}

@inproceedings{chen2020,
  author = {Chen, Ting and Kornblith, Simon and Norouzi, Mohammad and Hinton, Geoffrey},
  title = {{A Simple Framework for Contrastive Learning of Visual Representations}},
  booktitle = {International Conference on Machine Learning (ICML)}, year = {2020},
  eprint = {2002.05709}, archivePrefix = {arXiv}
}

@inproceedings{bardes2022,
  author = {Bardes, Adrien and Ponce, Jean and LeCun, Yann},
  title = {{VICReg: Variance-Invariance-Covariance Regularization for Self-Supervised Learning}},
  booktitle = {International Conference on Learning Representations (ICLR)}, year = {2022},
  eprint = {2105.04906}, archivePrefix = {arXiv}
}

@inproceedings{zbontar2021,
  author = {Zbontar, Jure and Jing, Li and Misra, Ishan and LeCun, Yann and Deny, St{\'e}phane},
  title = {{Barlow Twins: Self-Supervised Learning via Redundancy Reduction}},
  booktitle = {International Conference on Machine Learning (ICML)}, year = {2021},
  eprint = {2103.03230}, archivePrefix = {arXiv}
}

@inproceedings{grill2020,
  author = {Grill, Jean-Bastien and others},
  title = {{Bootstrap your own latent: A new approach to self-supervised Learning}},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)}, year = {2020},
  eprint = {2006.07733}, archivePrefix = {arXiv}
}

@inproceedings{caron2021,
  author = {Caron, Mathilde and Touvron, Hugo and Misra, Ishan and J{\'e}gou, Herv{\'e} and Mairal, Julien and
            Bojanowski, Piotr and Joulin, Armand},
  title = {{Emerging Properties in Self-Supervised Vision Transformers}},
  booktitle = {IEEE/CVF International Conference on Computer Vision (ICCV)}, year = {2021},
  eprint = {2104.14294}, archivePrefix = {arXiv}
}

@inproceedings{zhou2022,
  author = {Zhou, Jinghao and Wei, Chen and Wang, Huiyu and Shen, Wei and Xie, Cihang and Yuille, Alan and Kong, Tao},
  title = {{iBOT: Image BERT Pre-Training with Online Tokenizer}},
  booktitle = {International Conference on Learning Representations (ICLR)}, year = {2022},
  eprint = {2111.07832}, archivePrefix = {arXiv}
}

@inproceedings{he2022,
  author = {He, Kaiming and Chen, Xinlei and Xie, Saining and Li, Yanghao and Doll{\'a}r, Piotr and Girshick, Ross},
  title = {{Masked Autoencoders Are Scalable Vision Learners}},
  booktitle = {IEEE/CVF Conference on Computer Vision and Pattern Recognition (CVPR)}, year = {2022},
  eprint = {2111.06377}, archivePrefix = {arXiv}
}

@inproceedings{he2016,
  author = {He, Kaiming and Zhang, Xiangyu and Ren, Shaoqing and Sun, Jian},
  title = {{Deep Residual Learning for Image Recognition}},
  booktitle = {IEEE Conference on Computer Vision and Pattern Recognition (CVPR)}, year = {2016},
  eprint = {1512.03385}, archivePrefix = {arXiv}
}

@inproceedings{dosovitskiy2021,
  author = {Dosovitskiy, Alexey and others},
  title = {{An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale}},
  booktitle = {International Conference on Learning Representations (ICLR)}, year = {2021},
  eprint = {2010.11929}, archivePrefix = {arXiv}
}

@inproceedings{kingma2015,
  author = {Kingma, Diederik P. and Ba, Jimmy},
  title = {{Adam: A Method for Stochastic Optimization}},
  booktitle = {International Conference on Learning Representations (ICLR)}, year = {2015},
  eprint = {1412.6980}, archivePrefix = {arXiv}
}

@inproceedings{loshchilov2019,
  author = {Loshchilov, Ilya and Hutter, Frank},
  title = {{Decoupled Weight Decay Regularization}},
  booktitle = {International Conference on Learning Representations (ICLR)}, year = {2019},
  eprint = {1711.05101}, archivePrefix = {arXiv}
}

@misc{you2017,
  author = {You, Yang and Gitman, Igor and Ginsburg, Boris},
  title = {{Large Batch Training of Convolutional Networks}},
  year = {2017}, eprint = {1708.03888}, archivePrefix = {arXiv}
}

@inproceedings{you2020,
  author = {You, Yang and others},
  title = {{Large Batch Optimization for Deep Learning: Training BERT in 76 Minutes}},
  booktitle = {International Conference on Learning Representations},
  year = {2020}, eprint = {1904.00962}, archivePrefix = {arXiv}
}

@inproceedings{paszke2019,
  author = {Paszke, Adam and others},
  title = {{PyTorch: An Imperative Style, High-Performance Deep Learning Library}},
  booktitle = {Advances in Neural Information Processing Systems (NeurIPS)}, year = {2019},
  eprint = {1912.01703}, archivePrefix = {arXiv}
}

@misc{wightman2019,
  author = {Wightman, Ross},
  title = {{PyTorch Image Models}},
  year = {2019}, doi = {10.5281/zenodo.4414861}
}

@misc{susmelj2020,
  author = {Susmelj, Igor and others},
  title = {{Lightly}},
  year = {2020}
}

@misc{falcon2019,
  author = {Falcon, William and {The PyTorch Lightning team}},
  title = {{PyTorch Lightning}},
  year = {2019}, doi = {10.5281/zenodo.3828935}
}

@article{pedregosa2011,
  author = {Pedregosa, Fabian and others},
  title = {{Scikit-learn: Machine Learning in Python}},
  journal = {Journal of Machine Learning Research}, volume = {12}, pages = {2825--2830}, year = {2011},
  eprint = {1201.0490}, archivePrefix = {arXiv}
}

@inproceedings{garrido2023,
  author = {Garrido, Quentin and Balestriero, Randall and Najman, Laurent and LeCun, Yann},
  title = {{RankMe: Assessing the Downstream Performance of Pretrained Self-Supervised Representations by Their Rank}},
  booktitle = {International Conference on Machine Learning (ICML)}, year = {2023},
  eprint = {2210.02885}, archivePrefix = {arXiv}
}

@misc{mcinnes2018,
  author = {McInnes, Leland and Healy, John and Melville, James},
  title = {{UMAP: Uniform Manifold Approximation and Projection for Dimension Reduction}},
  year = {2018}, eprint = {1802.03426}, archivePrefix = {arXiv}
}

@inproceedings{durkan2019,
  author = {Durkan, Conor and Bekasov, Artur and Murray, Iain and Papamakarios, George},
  title = {{Neural Spline Flows}},
  booktitle = {Advances in Neural Information Processing Systems 32 (NeurIPS)}, year = {2019},
  eprint = {1906.04032}, archivePrefix = {arXiv}
}

@misc{talts2018,
  author = {Talts, Sean and Betancourt, Michael and Simpson, Daniel and Vehtari, Aki and Gelman, Andrew},
  title = {{Validating Bayesian Inference Algorithms with Simulation-Based Calibration}},
  year = {2018}, eprint = {1804.06788}, archivePrefix = {arXiv}
}

@inproceedings{lemos2023,
  author = {Lemos, Pablo and Coogan, Adam and Hezaveh, Yashar and Perreault-Levasseur, Laurence},
  title = {{Sampling-Based Accuracy Testing of Posterior Estimators for General Inference}},
  booktitle = {International Conference on Machine Learning (ICML)}, year = {2023},
  eprint = {2302.03026}, archivePrefix = {arXiv}
}

@article{suyu2006,
  author = {Suyu, S. H. and Marshall, P. J. and Hobson, M. P. and Blandford, R. D.},
  title = {{A Bayesian analysis of regularized source inversions in gravitational lensing}},
  journal = {Monthly Notices of the Royal Astronomical Society}, volume = {371}, pages = {983--998}, year = {2006},
  eprint = {astro-ph/0601493}, archivePrefix = {arXiv}
}
"""
