from pipeline.reporting.provenance import inputs_section, intervals_section, parameters_section


def test_every_parameter_is_listed_under_its_section(inputs):
    listed = {
        f"{table.caption}.{row[0].text}": row[1].text
        for table in parameters_section(inputs).blocks[0].blocks
        for row in table.rows
    }
    assert set(listed) == set(inputs.parameters)
    assert listed["training.seeds"] == "[1, 2, 3]"
    assert listed["report.transcripts"] == "true"
    assert listed["margin.base"] == str(inputs.parameters["margin.base"])


def test_digests_are_shortened_and_sorted(inputs):
    rows = [[cell.text for cell in row] for row in inputs_section(inputs).blocks[0].rows]
    assert rows == [[name, inputs.digests[name][:12]] for name in sorted(inputs.digests)]


def test_intervals_say_what_they_are_over(inputs):
    text = " ".join(block.text for block in intervals_section(inputs).blocks)
    for words in ("over 3 seeds", "95 % t interval", "over seeds and segments", "their difference"):
        assert words in text


def test_one_seed_is_a_warning(read_run, inputs):
    blocks = intervals_section(read_run(seeds=(1,))).blocks
    assert [block.kind for block in blocks] == ["warning", *["plain"] * (len(blocks) - 1)]
    assert "percentile bootstrap interval over segments, drawn" in blocks[1].text
    assert "over seeds" not in " ".join(block.text for block in blocks)
    assert "warning" not in [block.kind for block in intervals_section(inputs).blocks]
