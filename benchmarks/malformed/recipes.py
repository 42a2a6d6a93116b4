"""Recipes in YAML, and changes by dotted key."""

import random
import re
from collections.abc import Iterator, Sequence

from lenstream.configs.key_list import ENTRY, LAW, NAME, every_key
from lenstream.configs.recipes import _FOLDER

from .cases import ACCEPT, MARKER, REFUSE, Case

WORDS = (
    "yes on 0123 20:00 0x1F 1_000 2024-13-45 null ~ .nan -.inf 1e999 1e-300 1e300 '' '1.5' [a] {a:1} - ? > @ ` % ² é "
    "-1 0 1.5 true &a *x ' \" [ { | !!python/object/apply:os.system !!set 9999999999999999999999 -0 1e-17 100000"
)
VALUES = [
    *WORDS.split(" "),
    "!!float abc",
    "!!binary aGk=",
    "9" * 5000,
    "[" * 900 + "]" * 900,
    "x" * 300,
    "\x01",
    "[[1, 2], 3]",
    "{uniform: [2, 1]}",
    "{uniform: [.nan, 1]}",
    "{uniform: [-1e308, 1e308]}",
    "{mixture: []}",
    "{mixture: [{weight: 0, normal: [0, 1]}]}",
    "{truncnormal: [100, .001, 1.6, 2.4]}",
    "{loguniform: [0, 1]}",
    "{table: {file: /dev/zero, column: y}}",
    "{table: {file: /etc, column: y}}",
    "{follow: {parameter: lens_mass.0.theta_E, factor: 1e300}}",
    "{follow: {parameter: lens_mass.9.theta_E}}",
    "{rayleigh: [1, 2]}",
    "/dev/zero",
    "/dev/stdin",
    "/proc/self/mem",
    "../../../../../../etc/passwd",
    "a\u202eb",
]
KEYS = ("seed", "profile", "only", "follow", "<<", "1", "null", "x" * 99)
BOMB = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"a{k}: &a{k} [{','.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12)
)


def mutant(text: str, chance: random.Random, others: Sequence[str] = VALUES) -> str:
    """A recipe's text with a line doubled, gone or indented otherwise, or another value, key or character.

    others: values that one of the recipe gives way to.
    """
    kind, lines = chance.randrange(7), text.split("\n")
    k, at = chance.randrange(len(lines)), chance.randrange(len(text))
    values, keys = list(re.finditer(r": ([^\s{}\[\],#]+)", text)), list(re.finditer(r"([A-Za-z_0-9]+):", text))
    if kind == 0:
        return "\n".join([*lines[:k], lines[k], *lines[k:]])
    if kind == 1:
        return "\n".join([*lines[:k], " " * chance.randrange(6) + lines[k].strip(), *lines[k + 1 :]])
    if kind == 2:
        return text[:at] + chance.choice("[]{}:,'\"&*!|>%@`\t\n-#\x00\x7f²\u2028") + text[at + 1 :]
    if kind == 3:
        return text[:at] + text[at + chance.randrange(1, 30) :]
    if not (keys if kind == 4 else values):
        return text
    found = chance.choice(keys if kind == 4 else values)
    other = chance.choice(KEYS if kind == 4 else others)
    return text[: found.start(1)] + other + text[found.end(1) :]


def yaml_recipes(chance: random.Random) -> Iterator[Case]:
    """Recipes with something broken."""
    good = (_FOLDER / "w1.yaml").read_text()
    texts = [(f"mutant {k}", mutant(good, chance), None) for k in range(110)]
    for k in range(70):
        text = (_FOLDER / f"{chance.choice(('demo', 'lens_finding', 'deeplense_model_2', 'tiny'))}.yaml").read_text()
        texts.append((f"mutant of others {k}", mutant(mutant(text, chance), chance), None))
    tag = f'!!python/object/apply:os.system ["touch {MARKER}"]'
    texts += [
        ("good", good, ACCEPT),
        ("empty", "", REFUSE),
        ("a list", "- 1\n- 2\n", REFUSE),
        ("a word", "demo", REFUSE),
        ("aliases that grow", BOMB, REFUSE),
        ("aliases in a recipe", BOMB + good, REFUSE),
        ("an alias of itself", "a: &a [*a]\n" + good, REFUSE),
        ("a merge key", good + "\n<<: {seed: 2}\n", ACCEPT),
        ("a python object", good + f"\nx: {tag}\n", REFUSE),
        ("a python seed", good.replace("seed: 1", f"seed: {tag}"), REFUSE),
        ("two documents", good + "\n---\nseed: 3\n", REFUSE),
        ("twice a key", good + "\nseed: 3\n", REFUSE),
        ("tabs", good.replace("  ", "\t"), REFUSE),
        ("900 nested lists", "a: " + "[" * 900 + "]" * 900, REFUSE),
        ("90,000 nested sections", "{a: " * 90000, REFUSE),
        ("5,000 digits", good.replace("seed: 1", "seed: " + "9" * 5000), REFUSE),
        ("2 MB", good + "#" * 2_000_000, REFUSE),
        ("Latin-1", good.encode() + "\n# caf\xe9".encode("latin-1"), REFUSE),
        ("UTF-16", good.encode("utf-16"), None),
        ("a mark of byte order", b"\xef\xbb\xbf" + good.encode(), ACCEPT),
        ("NULs", good.replace("\n", "\0\n").encode(), REFUSE),
        ("lines of Windows", good.replace("\n", "\r\n"), ACCEPT),
        ("extends itself", "extends: file.yaml\nname: a\n", REFUSE),
        ("extends nothing", "extends: nowhere\n", REFUSE),
        ("extends a device", "extends: /dev/zero\n", REFUSE),
        ("extends a list", "extends: [w1]\n", REFUSE),
        ("a name that leaves the folder", good.replace("name: w1", "name: ../../x"), REFUSE),
        ("pixel_scale 100", good.replace("pixel_scale: 0.08", "pixel_scale: 100"), None),
        ("pixel_scale 1e-300", good.replace("pixel_scale: 0.08", "pixel_scale: 1e-300"), REFUSE),
        ("4096 pixels of 128 rays", good.replace("num_pix: 64", "num_pix: 4096").replace("rays: 2", "rays: 128"), None),
        ("exposure yes", good.replace("exposure_time: 5400", "exposure_time: yes"), REFUSE),
        ("seed 0123", good.replace("seed: 1", "seed: 0123"), REFUSE),
        ("seed 20:00", good.replace("seed: 1", "seed: 20:00"), REFUSE),
        ("magnitude -99", good.replace("magnitude: 23", "magnitude: -99"), REFUSE),
        ("background 1e300", good.replace("background_noise: 0.01", "background_noise: 1e300"), REFUSE),
    ]
    for name, text, expected in texts:
        data = text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")

        def make(folder, data=data):
            (folder / "file.yaml").write_bytes(data)
            return ["config", "--show", str(folder / "file.yaml")]

        yield Case("YAML", name, make, expected)


def overrides(chance: random.Random) -> Iterator[Case]:
    """Changes by dotted key: values that do not belong, and texts that are no change."""
    keys = [key.path for key in every_key() if not key.path.startswith(LAW)]
    for _ in range(150):
        path = chance.choice(keys).replace(f".{ENTRY}", f".{chance.choice('012')}").replace(NAME, "lensiam")
        change = f"{path}={chance.choice(VALUES)}"
        recipe = "tiny" if path.startswith(("pretrain", "evaluate", "real")) else chance.choice(("w1", "lens_finding"))
        yield Case("overrides", change[:100], lambda _, c=change, r=recipe: ["config", "--show", r, c])
    refused = ["", "=", "=1", "seed", "seed=", "seed==1", "seed=1=2", ".seed=1", "seed.=1", "a..b=1", "lens_mass.²=1"]
    refused += ["simulate.lens_mass.-1.theta_E=1", "simulate.lens_mass.99.theta_E=1", "simulate.lens_mass.0=1"]
    refused += ["mode=[a]", "mode=x", "simulate=null", "name=..", "name=" + "x" * 300, "seed=4294967296", "seed=-1"]
    refused += [
        "simulate.image.rays=0",
        "simulate.image.num_pix=1e9",
        "simulate.image=[1]",
        "simulate.image.num_pix=yes",
    ]
    refused += ["evaluate.targets=[theta_E, theta_E]", "evaluate.n_labels=[20, 20]", "evaluate.protocols=[]"]
    refused += ["simulate.lens_mass.1.gamma1=1e300", "x" * 10_000, "x." * 3000 + "y=1", "\x00=1", "seed=\x00"]
    refused += ["simulate.bands={g: {}, g: {}}", "simulate.bands=[g]", "simulate.classes={a: 0}", "seed=$(touch x)"]
    for change in refused:
        yield Case("overrides", change[:60], lambda _, c=change: ["config", "--show", "w1", c], REFUSE)
