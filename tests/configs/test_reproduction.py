"""Reproductions of published systems: their files, their configs at each size, and the changes of a command line."""

import pytest

from lenstream.configs import reproduction as reproductions
from lenstream.configs.recipes import file_of
from lenstream.configs.recipes import reproductions as names
from lenstream.configs.reproduction import TINY, Reproduction, changes_of, configs, read
from lenstream.errors import ConfigError

SMALL = {
    "title": "a system",
    "source": "its paper",
    "runs": {"one": {"recipe": "tiny", "own": {}}},
    "columns": {"theta_E": {"metric": "r2", "target": "theta_E"}},
    "rows": [
        {"label": "ridge", "run": "one", "encoder": "lensiam", "protocol": "ridge", "published": {"theta_E": 0.5}}
    ],
    "stand_in": ["Simulated."],
}
BASELINES = ("random", "supervised", "limit", "bicubic")


def files():
    return [(name, scale) for name in names() for scale in read(name).sizes()]


@pytest.mark.parametrize(("name", "scale"), files())
def test_every_row_finds_its_run_encoder_protocol_and_labels(name, scale):
    reproduction, found = read(name), configs(name, scale)
    left_out = reproduction.scales[scale].leave_out if scale in reproduction.scales else []
    assert set(found) == set(reproduction.runs) - set(left_out)
    for row in reproduction.rows:
        if row.run is None or row.run in left_out:
            continue
        config = found[row.run]
        assert config.name == row.run
        judged, encoders = config.evaluate, config.pretrain.encoders
        baselines = (*BASELINES, *getattr(judged, "supervised", ()))
        assert row.encoder in (*encoders, *baselines), row
        own = {"reconstruction": "mae", "stream": "supervised"}.get(row.protocol)  # what needs a method, and no head
        if own is not None:
            assert encoders[row.encoder].method == own
        else:
            assert row.protocol in judged.protocols or row.encoder in baselines, row
        if scale == "full" and row.n_labels and row.encoder in encoders:
            assert row.n_labels in judged.n_labels, row


@pytest.mark.parametrize("name", names())
def test_every_published_number_has_a_row_and_every_run_too(name):
    reproduction = read(name)
    assert any(row.published for row in reproduction.rows)
    assert {row.run for row in reproduction.rows if row.run} == set(reproduction.runs)
    assert reproduction.sizes()[0] == "full" and {"small", "tiny"} <= set(reproduction.sizes())
    assert len({(row.group, row.label, row.n_labels) for row in reproduction.rows}) == len(reproduction.rows)


@pytest.mark.parametrize("name", names())
def test_small_is_smaller_than_full_and_tiny_smaller_still(name):
    full, small, tiny = (configs(name, scale) for scale in ("full", "small", "tiny"))
    for run, config in tiny.items():
        assert config.pretrain.steps == 4
        assert run not in small or 4 < small[run].pretrain.steps <= full[run].pretrain.steps


def wrong(**changes):
    """What is said of SMALL with changes."""
    with pytest.raises(ValueError) as raised:
        Reproduction.model_validate(SMALL | changes)
    return str(raised.value)


def test_names_within_a_file_are_checked():
    row = SMALL["rows"][0]
    assert 'no run "on". Did you mean "one"?' in wrong(rows=[row | {"run": "on"}])
    assert 'no column "theta"' in wrong(rows=[row | {"published": {"theta": 1.0}}])
    assert "expected a run, or a note" in wrong(rows=[{"label": "x"}])
    assert "the encoder and the protocol" in wrong(rows=[{"label": "x", "run": "one"}])
    assert 'no run "two"' in wrong(scales={"small": {"leave_out": ["two"]}})
    assert Reproduction.model_validate(SMALL).sizes() == ["full", "tiny"]


@pytest.fixture
def in_a_file(tmp_path, monkeypatch):
    """A function that makes `read` find a text by any name."""

    def write(text):
        (tmp_path / "mine.yaml").write_text(text)
        monkeypatch.setattr(reproductions, "file_of", lambda name: tmp_path / "mine.yaml")

    return write


def test_a_mistake_in_a_file_is_a_sentence(in_a_file):
    text = file_of("reproduce_lensiam").read_text()
    in_a_file(text.replace("title:", "titel:"))
    with pytest.raises(ConfigError) as raised:
        read("reproduce_lensiam")
    assert any("mine.yaml: titel" in p for p in raised.value.problems)
    assert any("mine.yaml: title" in p for p in raised.value.problems)


def test_encoders_come_from_other_recipes_and_changes_from_the_size():
    config = configs("reproduce_lensiam")["pairs"]
    assert list(config.pretrain.encoders) == ["lensiam", "simsiam"]
    assert config.pretrain.encoders["simsiam"].hidden_dim == 2048
    small = configs("reproduce_lensiam", "small")["pairs"]
    assert small.pretrain.encoders["simsiam"].hidden_dim < 2048 and small.pretrain.backbone.name != "resnet101"
    assert configs("reproduce_lensiam", TINY)["pairs"].evaluate.seeds == 1


def test_changes_are_for_all_runs_or_for_one(tmp_path):
    found = changes_of("reproduce_lensiam", ["seed=4", "pairs.pretrain.steps=9", "name=mine", f"data={tmp_path}"])
    assert found.name == "mine"
    assert found.runs == {"pairs": ["seed=4", "pretrain.steps=9"]}
    assert found.data == {"pairs": str(tmp_path)}
    config = configs("reproduce_lensiam", overrides=["seed=4", "pairs.pretrain.steps=9", "name=mine"])["pairs"]
    assert (config.name, config.seed, config.pretrain.steps) == ("pairs", 4, 9)


def test_images_of_the_users_take_the_place_of_the_simulation(tmp_path):
    config = configs("reproduce_lensiam", overrides=[f"data={tmp_path}"])["pairs"]
    assert config.simulate is None
    assert config.pretrain.data.path == config.evaluate.data.path == str(tmp_path)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("data=nowhere", "data=nowhere: no such file or folder"),
        ("data=", "expected the path of your images"),
        ("data.path=x", 'unknown key "data.path"; the path of your images is given as data=PATH'),
        ("pears.seed=2", 'no run and no key "pears"; runs: pairs. Did you mean "pairs"?'),
        ("pretrian.steps=2", 'no run and no key "pretrian"; runs: pairs. Did you mean "pretrain"?'),
        ("pretrain.stepss=3", 'pairs: .*unknown key "pretrain.stepss"'),
        ("pairs.pretrain.stepss=3", 'unknown key "pretrain.stepss"'),
        ("name=../x", r"name: expected up to 100 letters, .* first, got \'\.\./x\'"),
        ("name=", 'override "name=": no value'),
        ("pairs.name=x", "pairs.name=x: a run is called as in the table, pairs; name=NAME is that of the whole"),
    ],
)
def test_changes_that_mean_nothing_are_refused(change, said):
    with pytest.raises(ConfigError, match=said):
        configs("reproduce_lensiam", overrides=[change])


def test_no_path_is_not_that_of_this_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError, match="data=: expected the path of your images"):
        configs("reproduce_morphology", overrides=["data="])


def test_an_unknown_size_is_refused():
    with pytest.raises(ConfigError, match="--scale smal: reproduce_lensiam has full, small, tiny"):
        configs("reproduce_lensiam", "smal")
