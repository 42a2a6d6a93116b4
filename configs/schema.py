"""Every setting of LenStream: typed, with its unit and its meaning, strict about names and ranges.

Parameters of lenses and galaxies carry lenstronomy's names and take a number or a `parameters.Distribution`.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, Discriminator, Field, Tag, ValidationError, model_validator

from ..errors import nearest
from .components import Deflector, Light
from .cuts import Selection
from .dark_matter import Cosmology, Substructure
from .evaluation import Evaluate
from .follow import check_follow
from .keys import Mistakes, Section, key
from .observation import BandImage, Image, Observation
from .shapes import check_shapes
from .training import Pretrain
from .value_messages import about_number, in_words
from .yaml_text import shown


class Simulation(Section):
    """What a simulated lens is made of."""

    image: Image = key("the pixel grid")
    cosmology: Cosmology = key("redshifts and distances, for masses and for galaxies at_redshift", default=Cosmology())
    classes: dict[str, Annotated[float, Field(ge=0)]] = key(
        "classes of systems and how frequent they are (0: never); components say with `only` where they occur", "-", {}
    )
    lens_mass: list[Deflector] = key("deflectors", min_length=1)
    substructure: list[Substructure] = key("dark subhalos of the first deflector", default=[])
    source: list[Light] = key("the lensed galaxy, drawn anew for every view", min_length=1)
    lens_light: list[Light] = key("light in front, not lensed", default=[])
    observation: Observation = key("instrument, noise and PSF")
    bands: dict[str, dict[str, object]] = key(
        "several bands by name, each with the keys of `observation` that are different in it and, for a pixel grid of "
        "its own, image: {pixel_scale, num_pix}",
        default={},
    )
    selection: Selection | None = key("which systems are kept; empty: all", "-", None)

    @model_validator(mode="after")
    def names_are_known(self):
        problems = [problem.removeprefix("simulate.") for problem in check_follow(self)]
        groups = ("lens_mass", "source", "lens_light")
        problems += check_shapes({f"{g}.{k}": c for g in groups for k, c in enumerate(getattr(self, g))})
        for group in ("lens_mass", "substructure", "source", "lens_light"):
            for k, component in enumerate(getattr(self, group)):
                for name in component.only or ():
                    if name not in self.classes:
                        problems.append(f'{group}.{k}.only: no class "{name}".{nearest(name, self.classes)}')
                for name in getattr(component, "colors", ()):
                    if name not in list(self.bands)[1:]:
                        problems.append(f'{group}.{k}.colors: no band "{name}" after the first')
        problems += list(_not_subtracted(self))
        if self.classes and not any(self.classes.values()):
            problems.append(f"classes: one of {', '.join(self.classes)} must be more frequent than 0")
        if self.substructure and "theta_E" not in type(self.lens_mass[0]).model_fields:
            problems.append("substructure: belongs to the first of lens_mass, which needs a theta_E")
        if problems:
            raise Mistakes(p.partition(": ")[::2] for p in problems)
        self.band_observations()
        self.band_images()
        return self

    def drawn_classes(self):
        """The names of the classes that are drawn, in their order; empty without classes."""
        return [name for name, frequency in self.classes.items() if frequency > 0]

    def band_observations(self):
        """The `Observation` of each band, by name; one without a name if there are no bands."""
        if not self.bands:
            return {"": self.observation}
        common, out, found = self.observation.model_dump(exclude_unset=True), {}, []
        for name, changes in self.bands.items():
            own = {key: value for key, value in changes.items() if key != "image"}
            try:
                out[name] = Observation.model_validate(common | own)
            except ValidationError as error:
                found += _mistakes(Observation, error, f"bands.{name}")
                continue
            for shared in ("noise", "defect", "subtract_lens_light"):
                if getattr(out[name], shared) != getattr(self.observation, shared):
                    found.append((f"bands.{name}.{shared}", "all bands share it, so it belongs in observation"))
        if found:
            raise Mistakes(found)
        return out

    def band_images(self):
        """The `BandImage` of each band, by name; what it leaves open is that of the common `image`."""
        if not self.bands:
            return {"": BandImage()}
        out, found = {}, []
        for name, band in self.bands.items():
            try:
                out[name] = BandImage.model_validate({} if (own := band.get("image")) is None else own)
            except ValidationError as error:
                found += _mistakes(BandImage, error, f"bands.{name}.image")
        if found:
            raise Mistakes(found)
        return out


def _not_subtracted(simulation):
    """A sentence for every component that is to be subtracted and cannot be."""
    for k, subtracted in enumerate(simulation.observation.subtract_lens_light):
        number, where = subtracted.component, f"observation.subtract_lens_light.{k}.component"
        if number >= len(simulation.lens_light):
            yield f"{where}: no lens_light.{number}; there are {len(simulation.lens_light)}, counted from 0"
        elif "R_sersic" not in type(simulation.lens_light[number]).model_fields:
            profile = simulation.lens_light[number].profile
            yield f"{where}: lens_light.{number} is of profile {profile}; expected one with a Sersic radius"


def mistakes_of_bands(simulate):
    """What is wrong with keys that bands set themselves, where other mistakes keep a simulation from being made.

    Args: simulate: the values of a `Simulation`, not checked. Returns: pairs of a key path within it and words.
    """
    bands, common = simulate.get("bands"), simulate.get("observation")
    for name, band in bands.items() if isinstance(bands, dict) else ():
        if not isinstance(band, dict):
            continue
        own = {key: value for key, value in band.items() if key != "image"}
        try:
            Observation.model_validate((common if isinstance(common, dict) else {}) | own)
        except ValidationError as error:
            for where, text in _mistakes(Observation, error, f"bands.{name}"):
                keys = where.removeprefix(f"bands.{name}").split(".")[1:]
                if keys and keys[0] in own:
                    yield ("bands", name, *keys), text


def _mistakes(section: type[BaseModel], error, path):
    """What is wrong with a section of a band: pairs of key and words, as `keys.Mistakes` takes them."""
    for e in error.errors():
        loc = [part for part in e["loc"] if part not in ("number", "distribution", "word")]
        where = ".".join([path, *map(str, loc)])
        raised = e.get("ctx", {}).get("error")
        if isinstance(raised, Mistakes):
            yield from ((f"{where}.{key}" if key else where, text) for key, text in raised.found)
        elif e["type"] == "extra_forbidden":
            yield where, f"unknown key.{_hint(section, path, loc)}"
        elif e["type"] == "model_type":
            yield where, f"expected a section with keys, got {shown(e['input'])}"
        elif e["type"] == "missing" and not isinstance(loc[-1], int):
            yield where, "the key is missing"
        elif raised is not None:
            yield where, str(raised)
        else:
            yield where, f"{in_words(e)}, got {shown(e['input'])}{about_number(e['input'])}"


def _hint(section, path, where):
    """Which key may be meant by an unknown one of a band."""
    if len(where) > 1:
        return ""
    if section is Observation and where[0] in BandImage.model_fields:
        return f' Did you mean "simulate.{path}.image.{where[0]}"?'
    known = [*section.model_fields, *(["image"] if section is Observation else [])]
    hint = nearest(where[0], known).replace('"', f'"simulate.{path}.', 1)
    return hint or f" Known keys: {', '.join(known)}."


class RealLenses(Section):
    """Real lenses to predict at the end of a run."""

    images: (
        Annotated[
            Annotated[str, Tag("word")] | Annotated[Annotated[list[str], Field(min_length=1)], Tag("list")],
            Discriminator(lambda value: "list" if isinstance(value, list | tuple) else "word"),
        ]
        | None
    ) = key("folder of FITS cut-outs, a file, any data set of images, or a list of them; empty: none", "-", None)
    catalogue: str | None = key("CSV with published values; empty: none", "-", None)
    pixel_scale: float | None = key("pixel of the images; empty: as the files say", "arcsec", None, gt=0)
    lens_light: Literal["subtract", "fit", "fit_all", "as_is"] = key(
        "for networks that have seen no lens galaxy. subtract: LENSLIGHT, where a file has it; fit: where a file has "
        "none, its galaxy is fitted and subtracted; fit_all: fitted in all files; as_is: nothing is subtracted",
        default="subtract",
    )
    refine: bool = key("fit each lens with the simulator, too, from the network's posterior", default=False)
    frame: Literal["array", "north_east"] = key(
        "of predicted e1, e2, shears, offsets and angles. array: x to the right, y up, angles from +x; north_east: x "
        "to the North, y to the East, position angles, by the WCS of each image",
        default="array",
    )
    columns: dict[str, str] = key(
        "columns of the catalogue by what they hold, where their names do not say it: name, a target, q, PA or phi; "
        "e.g. {theta_E: b_SIE, q: q_SIE}",
        default={},
    )
    catalogue_frame: Literal["array", "north_east"] | None = key(
        "of the catalogue's ellipticities and angles; empty: PA is north_east, everything else array", "-", None
    )
    angle_unit: Literal["deg", "rad"] | None = key("of the catalogue's angles; empty: as their names say", "-", None)


NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"  # of a run


class Config(Section):
    """One experiment."""

    mode: str | None = key("which of the recipe's modes this is, if it has any", "-", None)
    name: str = key("name of the run and of its folder under runs/", pattern=NAME, max_length=100)
    seed: int = key("decides every random number", default=0, ge=0, lt=2**32)
    simulate: Simulation | None = key(
        "from an index to a noisy image; empty: all images are those of `pretrain.data` and `evaluate.data`",
        "-",
        None,
    )
    pretrain: Pretrain | None = key("from views to encoders", "-", None)
    evaluate: Evaluate | None = key("from encoders to numbers about the lens; empty: only pre-train", "-", Evaluate())
    real_lenses: RealLenses = key("real lenses to predict", default=RealLenses())
