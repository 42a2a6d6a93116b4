"""Messages about a config: all mistakes with their file, line and key, and hints only where something is near."""

import pytest

from lenstream.configs.recipes import _FOLDER
from lenstream.errors import nearest

DEMO = (_FOLDER / "demo.yaml").read_text()


@pytest.fixture
def problems(tmp_path, problems):
    """A function: the mistakes in the demo with some texts replaced, and with overrides."""

    def found(*overrides, add="", **replaced):
        text = DEMO + add
        for name, new in replaced.items():
            old = next(line for line in text.split("\n") if f"{name}:" in line)
            text = text.replace(old, new)
        (tmp_path / "my.yaml").write_text(text, encoding="utf-8")
        return problems(*overrides, recipe=str(tmp_path / "my.yaml"))

    return found


def test_every_mistake_at_once_with_its_line(problems):
    lines = DEMO.split("\n")
    found = problems(
        "simulate.lens_mass.9.e1=0",
        "simulate.bands={g: {}, r: {instrument: hst/x}}",
        add="sed: 2\nseed: 3\n",
        exposure_time="    exposure_time: yes",
        gamma="      gamma: {truncnormal: [100, .001, 1.6, 2.4]}",
        num_pix="  image: {num_pix: 0123, pixel_scale: 0.1, pixel_scal: .1}",
        optimizer="    lensiam: {method: lensiamm}",
    )
    image, gamma, exposure, encoder = (
        next(k for k, line in enumerate(lines, 1) if word in line)
        for word in ("num_pix", "gamma:", "exposure_time", "lensiam: {")
    )
    last = len(lines) + 1
    assert sorted(found) == sorted(
        [
            f"my.yaml, line 4: seed: the key is there twice, in lines 4 and {last}; expected it once",
            f'my.yaml, line {last - 1}: unknown key "sed". Did you mean "seed"?',
            'override "simulate.lens_mass.9.e1=0": simulate.lens_mass has entries 0 to 1, not "9"',
            f"my.yaml, line {image}: simulate.image.num_pix: expected a number, got '0123' (decimal notation only: no "
            "leading zeros, 0x, _ or :)",
            f'my.yaml, line {image}: unknown key "simulate.image.pixel_scal". Did you mean '
            '"simulate.image.pixel_scale"?',
            f"my.yaml, line {gamma}: simulate.lens_mass.0.gamma: truncnormal: 1.6 to 2.4 lies 9.76e+04 standard "
            "deviations away from 100, so that nothing is drawn there; expected 6 at most",
            f"my.yaml, line {exposure}: simulate.observation.exposure_time: expected a number, got True (yes, no, on, "
            "off, true and false are no numbers)",
            'my.yaml: simulate.bands.r.instrument: no instrument "hst/x"; expected NAME/BAND with NAME one of DES, '
            'Euclid, HST, JWST, LSST, Roman, ZTF. Did you mean "HST/WFC3_F160W" or "HST/TDLMC_F160W"?',
            f'my.yaml, line {encoder}: pretrain.encoders.lensiam.method: no method "lensiamm", expected simsiam, '
            "lensiam, simclr, rotation, noise, vicreg, barlow, byol, dino, ibot, mae, supervised. Did you mean "
            '"lensiam"?',
        ]
    )


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("evaluate.targets=[theta_E, theta_E]", "evaluate.targets: theta_E is there twice; expected each once"),
        ("evaluate.n_labels=[20, 20]", "evaluate.n_labels: 20 is there twice"),
        ("evaluate.protocols=[ridge, ridge]", "evaluate.protocols: ridge is there twice"),
        ("evaluate.protocols=[]", "evaluate.protocols: expected at least 1 entry, got []"),
        ("evaluate.targets=[]", "evaluate.targets: expected at least 1 entry, got []"),
        ("pretrain.encoders.lensiam.redraw=[noise, noise]", "lensiam.redraw: noise is there twice"),
        ("simulate.source.0.kinds=[disc, disc]", "simulate.source.0.kinds: disc is there twice"),
        ("simulate.source.0.profile=SERSIC", 'Did you mean "SERSIC_ELLIPSE"?'),
        (
            "simulate.source.0.kind=SERSIC",
            'unknown key "simulate.source.0.kind". Did you mean "simulate.source.0.kinds"?',
        ),
        ("simulate.lens_mass.0.theta_E={lognormal: [1, .01, 20, 30]}", "lies 130 standard deviations away from 1"),
        (
            "simulate.lens_mass.0.theta_E={follow: {parameter: lens_mass.0.gamma, factor: -1}}",
            "but -2.5 to -1.5 is asked",
        ),
        ("simulate.lens_mass.0.profile=[EPL]", "simulate.lens_mass.0"),
        ("simulate.observation.psf.kind=[gaussian]", "simulate.observation.psf.kind: input should be"),
        ("pretrain.backbone.options={img_size: 0x40}", "pretrain.backbone.options.img_size: expected a decimal number"),
        (
            "pretrain.accumulate=100",
            "accumulate: 100 equal parts of at least 2 cannot be made of a batch of 128",
        ),
        ("simulate.lens_mass.0.theta_E={uniform: [1]}", "uniform: expected more than 1 entry (lowest, highest"),
        ("simulate.lens_mass.0.theta_E={uniform: [1, 2, 3]}", "uniform: expected at most 2 entries, got [1, 2, 3]"),
        ("simulate.lens_mass.0.theta_E=[1, 2]", "theta_E: expected a number, or a distribution such as {uniform:"),
        ("simulate.lens_mass.0.theta_E={normal: [1, 0.1]}", "a law with ends keeps within, e.g. truncnormal"),
        ("simulate.observation.exposure_time=2,000", "a point before decimals, and nothing between thousands"),
        ("simulate.bands={g: {}, r: {exposure_time: yes}}", "r.exposure_time: expected a number, got True (yes, no"),
        ("simulate.bands={g: {}, r: {psf: {fwhm: 1}}}", "simulate.bands.r.psf.kind: the key is missing"),
        ("pretrain.encoders.lensim=null", 'nothing called "lensim" to take out; there are'),
        ("seed=1e30", "seed: a whole number as large as this cannot be used"),
        ("name=" + "a" * 300, "name: string should have at most 100 characters"),
    ],
)
def test_one_mistake_is_one_sentence(problems, override, said):
    (problem,) = problems(override)
    assert said in problem and "Known keys: ." not in problem


@pytest.mark.parametrize(
    ("word", "choices", "meant"),
    [
        ("HST", ["HST", "Euclid"], None),
        ("hst", ["HST", "Euclid"], "HST"),
        ("SERSIC", ["SERSIC_ELLIPSE", "DOUBLE_SERSIC", "INTERPOL"], "SERSIC_ELLIPSE"),
        ("theta_e", ["theta_E", "gamma"], "theta_E"),
        ("thetaE", ["theta_E_2", "theta_E", "gamma"], "theta_E"),
        ("exposure time", ["exposure_time", "num_exposures"], "exposure_time"),
        ("zebra", ["theta_E", "gamma"], None),
        ("PEMD", ["EPL", "SIE"], None),
        ("", ["a"], None),
    ],
)
def test_a_hint_is_near_and_never_what_was_typed(word, choices, meant):
    assert nearest(word, choices) == (f' Did you mean "{meant}"?' if meant else "")


def test_mistakes_in_bands_are_listed_beside_others(problems):
    found = problems("sede=1", "simulate.bands={v1.0: {fwhm: 1}, r: {psf: {kind: gauss}}}")
    assert len(found) == 3
    assert any("simulate.bands.v1.0.fwhm: unknown key" in p for p in found)
    assert any("simulate.bands.r.psf.kind: input should be" in p for p in found)
