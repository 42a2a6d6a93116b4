"""What to cite (`lenstream cite`): the papers of each profile, method, network, data set and library used.

The keys are those of `bibliography`. A profile without a paper of its own is lenstronomy's, which is always cited.
"""

import importlib.metadata
import re

from .bibliography import BIBLIOGRAPHY

ALWAYS = {
    "LenStream": ("lenstream",),
    "profiles, conventions and instruments of lenstronomy": ("birrer2018", "birrer2021"),
    "random numbers (Philox)": ("salmon2011",),
    "NumPy": ("harris2020",),
    "Numba": ("lam2015",),
    "SciPy": ("virtanen2020",),
    "Astropy": ("astropy2022",),
}
PROFILES = {
    "EPL": ("tessore2015",),
    "SIE": ("kormann1994", "tessore2015"),
    "NFW": ("navarro1997", "bartelmann1996"),
    "TNFW": ("baltz2009",),
    "HERNQUIST": ("hernquist1990", "keeton2001"),
    "MULTIPOLE": ("xu2013",),
    "SERSIC_ELLIPSE": ("sersic1963",),
    "DOUBLE_SERSIC": ("sersic1963",),
    "AXION_VORTEX": ("alexander2020",),
}
CONCENTRATIONS = {"dutton_maccio2014": ("dutton2014",), "duffy2008": ("duffy2008",)}
GALAXIES = ("rowe2015", "mandelbaum2012", "koekemoer2007")
METHODS = {
    "simsiam": ("chen2021",),
    "lensiam": ("chang2023", "chen2021"),
    "simclr": ("chen2020",),
    "rotation": ("chen2020",),
    "noise": ("chen2020",),
    "vicreg": ("bardes2022",),
    "barlow": ("zbontar2021",),
    "byol": ("grill2020",),
    "dino": ("caron2021",),
    "ibot": ("zhou2022", "caron2021"),
    "mae": ("he2022",),
    "supervised": (),
}
NETWORKS = {"resnet": ("he2016",), "vit": ("dosovitskiy2021",)}  # by how their timm names begin
OPTIMIZERS = {
    "sgd": (),
    "adam": ("kingma2015",),
    "adamw": ("loshchilov2019",),
    "lars": ("you2017",),
    "lamb": ("you2020",),
}
TRAINING = {
    "PyTorch": ("paszke2019",),
    "timm": ("wightman2019",),
    "lightly": ("susmelj2020",),
    "Lightning": ("falcon2019",),
    "scikit-learn": ("pedregosa2011",),
    "effective rank": ("garrido2023",),
}
UMAP = {"UMAP": ("mcinnes2018",)}
POSTERIORS = {"calibration of posteriors": ("talts2018", "lemos2023")}
FLOWS = {"neural spline flows": ("durkan2019",)}
REFINED = {"estimates refined with the galaxy's shape integrated out": ("suyu2006",)}


def everything():
    """All that LenStream may ask to cite: dict of what it is used for to keys of entries."""
    uses = ALWAYS | {f"profile {name}": keys for name, keys in PROFILES.items()}
    uses |= {f"concentrations {name}": keys for name, keys in CONCENTRATIONS.items()}
    uses |= {"galaxies of GalSim's COSMOS catalogue": GALAXIES}
    uses |= {f"method {name}": keys for name, keys in METHODS.items()}
    uses |= {f"networks {name}": keys for name, keys in NETWORKS.items()}
    uses |= {f"optimiser {name}": keys for name, keys in OPTIMIZERS.items()}
    return uses | TRAINING | UMAP | POSTERIORS | FLOWS | REFINED


def used(config):
    """What one `configs.schema.Config` asks to cite: dict of what it is used for to keys of entries."""
    uses = ALWAYS | (_of_simulation(config.simulate) if config.simulate is not None else {})
    if config.pretrain is not None:
        uses |= _of_training(config.pretrain) | TRAINING
        uses |= _of_evaluation(config) if config.evaluate is not None else {}
    return uses


def bibtex(uses):
    """BibTeX of `everything` or `used`: each entry once, under a comment that says what it is used for."""
    reasons = {}
    for use, keys in uses.items():
        for key in keys:
            reasons.setdefault(key, []).append(use)
    known = entries()
    return "\n\n".join(f"% {', '.join(of_key)}\n{known[key]}" for key, of_key in reasons.items()) + "\n"


def entries():
    """All entries: dict of key to BibTeX."""
    texts = {re.match(r"@\w+\{(\w+),", text)[1]: text for text in BIBLIOGRAPHY.strip().split("\n\n")}
    try:
        version = importlib.metadata.version("lenstream")
    except importlib.metadata.PackageNotFoundError:  # run from a checkout
        return texts
    return texts | {"lenstream": texts["lenstream"].replace("\n}", f",\n  version = {{{version}}}\n}}")}


def _of_simulation(simulation):
    components = [*simulation.lens_mass, *simulation.source, *simulation.lens_light]
    names = [component.profile for component in components]
    uses = {}
    for group in simulation.substructure:
        names.append(getattr(group, "profile", group.kind))
        if names[-1] in ("NFW", "TNFW"):
            uses[f"concentrations {group.concentration}"] = CONCENTRATIONS[group.concentration]
    uses = {f"profile {name}": PROFILES.get(name, ()) for name in names} | uses
    if any(getattr(component, "catalogue", "procedural") != "procedural" for component in components):
        uses["galaxies, if the catalogue is GalSim's COSMOS"] = GALAXIES
    return uses


def _of_evaluation(config):
    kinds = {
        *(name.split("_")[-1] for name in config.evaluate.protocols),  # finetune_flow has a flow
        *(getattr(e, "posterior", None) for e in config.pretrain.encoders.values()),
    }
    uses = dict(UMAP) if config.evaluate.umap else {}
    uses |= POSTERIORS if kinds & {"gaussian", "flow"} else {}
    uses |= FLOWS if "flow" in kinds else {}
    return uses | (REFINED if config.evaluate.refine is not None else {})


def _of_training(pretrain):
    uses = {}
    for encoder in pretrain.encoders.values():
        uses[f"method {encoder.method}"] = METHODS.get(encoder.method, ())
        uses[f"optimiser {encoder.optimizer}"] = OPTIMIZERS[encoder.optimizer]
        network = (encoder.backbone or pretrain.backbone).name
        uses |= {f"network {network}": keys for start, keys in NETWORKS.items() if network.startswith(start)}
    return uses
