"""`lenstream import` names a file nearby where one is missing; what it prints is tested with `coolest_config`."""

import pytest

from lenstream.run_pipeline import main


def test_a_missing_file_is_one_sentence(tmp_path, capsys):
    (tmp_path / "lens_3.json").write_text("{}")
    with pytest.raises(SystemExit) as ended:
        main(["import", str(tmp_path / "lens3.json")])
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith('lens3.json does not exist. Did you mean "lens_3.json"?\n')
