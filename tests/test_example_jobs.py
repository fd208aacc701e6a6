"""Six jobs, each from the project to the result, as a user writes them; what the example notebooks of Toloka-Kit do.

The Tolokers are simulated: they know the truth about an input and make mistakes, each as often as is their nature.
"""

from __future__ import annotations

import difflib
import itertools
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import toloka_frames as tf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from toloka_frames.local import LocalToloka

LIVE: dict[str, Any] = {"live": True, "speed": 2000}
NOW: dict[str, Any] = {"every": 0.05, "lag": 0, "progress": False}


@pytest.fixture
def client(toloka: LocalToloka) -> tf.TolokaClient:
    return toloka.client()


def chance(*about: str) -> float:
    """Return a number from 0 to 1, the same each time for the same things."""
    return int.from_bytes(blake2b(" ".join(about).encode(), digest_size=4).digest()) / 2**32


def those_who_know(truth: Mapping[str, str], field: str, wrong: Callable[[str], str]) -> Callable[..., dict[str, str]]:
    """Return what Tolokers answer in `field` to a task with one input."""

    def solve(task: Any, worker: Any) -> dict[str, str]:
        [seen] = task["input_values"].values()
        return {field: truth[seen] if chance(worker.id, seen) < worker.accuracy else wrong(truth[seen])}

    return solve


def urls(folder: str, count: int) -> list[str]:
    return [f"https://example.com/{folder}/{number}" for number in range(count)]


def with_control_tasks(frame: pd.DataFrame, known: str, count: int) -> pd.DataFrame:
    """Return tasks of a frame whose first `count` rows are control tasks for everybody."""
    tasks = frame.rename(columns={known: f"GOLDEN:{known}"})
    tasks.loc[count:, f"GOLDEN:{known}"] = None
    return tasks.assign(**{"TASK:infinite_overlap": tasks.index < count})


def most_common(votes: pd.DataFrame) -> pd.Series:
    return votes.groupby("task")["label"].agg(lambda labels: labels.mode()[0])


def test_image_classification(toloka: LocalToloka, client: tf.TolokaClient) -> None:
    labels = ["cat", "dog", "other"]
    images = pd.DataFrame({"image": urls("images", 100), "result": [*labels, "cat"] * 25})
    project = client.create_project(tf.project_form(inputs={"image": "url"}, outputs={"result": labels}))
    rules = [
        tf.rule("INCOME", "income_sum_for_last_24_hours >= 20", tf.ban(days=1)),
        tf.rule("SKIPPED_IN_ROW_ASSIGNMENTS", "skipped_in_row_count >= 10", tf.ban(days=1)),
        tf.rule(
            "MAJORITY_VOTE",
            "total_answers_count >= 4 and correct_answers_rate < 50",
            tf.ban(days=10, comment="majority"),
            answer_threshold=2,
            history_size=10,
        ),
        tf.rule(
            "GOLDEN_SET", "total_answers_count >= 3 and correct_answers_rate < 60", tf.ban(days=10, comment="control tasks")
        ),
    ]
    page = tf.filter("languages in EN")
    pool = client.create_pool(tf.pool_form(project, reward=0.01, overlap=3, real=4, golden=1, filter=page, rules=rules))
    with_control_tasks(images, "result", 15).pipe(tf.create_tasks, client, pool, allow_defaults=True, open_pool=True)

    truth = images.set_index("image")["result"].to_dict()
    toloka.answer(
        pool, workers=15, accuracy=0.85, solve=those_who_know(truth, "result", lambda right: "cat" if right != "cat" else "dog")
    )
    pool = tf.wait_pool(client, pool, progress=False)

    answers = client.get_assignments(pool, status="ACCEPTED").to_dataframe()
    votes = answers[answers["GOLDEN:result"].isna()].pipe(tf.to_crowdkit, task="INPUT:image")
    found = most_common(votes)
    assert len(found) == 85
    assert (votes["task"].value_counts() >= 3).all()
    assert (found == found.index.map(truth)).mean() > 0.85
    bans = client.get_user_restrictions(project_id=project, scope="PROJECT").to_dataframe()
    quality = answers.pipe(tf.quality)
    banned = bans[bans["private_comment"] == "control tasks"]["user_id"]
    assert len(banned) > 0
    assert (quality.loc[banned, "share"] < 0.6).all()


def test_text_recognition_after_a_training(toloka: LocalToloka, client: tf.TolokaClient) -> None:
    """Readings of water meters; only Tolokers who have learned it may work."""
    meters = pd.DataFrame({"image_url": urls("meters", 80), "value": [f"{number * 37}.{number:03}" for number in range(80)]})
    project = client.create_project(tf.project_form(inputs={"image_url": "url"}, outputs={"value": "string"}))
    form = tf.training_form(project, tasks=2, pages=5, mix_tasks_in_creation_order=False, shuffle_tasks_in_task_suite=False)
    training = client.create_training(form)
    parts = meters["value"].str.split(".", expand=True)
    lessons = meters.rename(columns={"value": "GOLDEN:value"}).assign(
        **{"HINT:text": parts[0] + " black, " + parts[1] + " red"}
    )
    lessons[:10].pipe(tf.create_tasks, client, training, allow_defaults=True)
    rules = [
        tf.rule("GOLDEN_SET", "total_answers_count >= 3 and correct_answers_rate < 80", tf.ban(days=2)),
        tf.rule(
            "ASSIGNMENT_SUBMIT_TIME",
            "fast_submitted_count >= 1",
            tf.ban(days=2),
            history_size=5,
            fast_submit_threshold_seconds=7,
        ),
    ]
    form = tf.pool_form(project, overlap=3, real=3, golden=1, training=training, training_passing_skill_value=75, rules=rules)
    pool = client.create_pool(form)
    with_control_tasks(meters[10:].reset_index(drop=True), "value", 10).pipe(tf.create_tasks, client, pool, allow_defaults=True)
    client.open_training(training)
    client.open_pool(pool)

    solve = those_who_know(meters.set_index("image_url")["value"].to_dict(), "value", lambda right: right[::-1])
    toloka.answer(training, workers=40, accuracy=0.8, solve=solve)
    toloka.answer(pool, workers=40, accuracy=0.8, solve=solve)
    tf.wait_pool(client, pool, progress=False)

    answers = client.get_assignments(pool, status="ACCEPTED").to_dataframe()
    found = most_common(answers[answers["GOLDEN:value"].isna()].pipe(tf.to_crowdkit, task="INPUT:image_url"))
    assert len(found) == 60
    assert (found == found.index.map(meters.set_index("image_url")["value"])).mean() > 0.9
    learners = client.get_assignments(training).to_dataframe()["ASSIGNMENT:worker_id"].nunique()
    workers = set(answers["ASSIGNMENT:worker_id"])
    skill = next(row for row in client.get_skills() if row.training)
    skills = client.get_user_skills(skill_id=skill.id).to_dataframe()
    assert workers <= set(skills[skills["value"] >= 75]["user_id"])
    assert len(workers) < learners


def test_transcription_with_accept_and_reject(toloka: LocalToloka, client: tf.TolokaClient) -> None:
    """Recordings; a page is paid if its control task is nearly right, else the work is given to somebody else."""
    texts = [f"the {number} passengers of the ferry waited in the rain" for number in range(50)]
    recordings = pd.DataFrame({"audio": urls("recordings", 50), "result": texts})
    project = client.create_project(tf.project_form(inputs={"audio": "url"}, outputs={"result": "string"}))
    rules = [
        tf.rule("ASSIGNMENT_SUBMIT_TIME", "fast_submitted_count >= 1", tf.ban(days=5), fast_submit_threshold_seconds=5),
        tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", tf.change_overlap(1, open_pool=True)),
    ]
    form = tf.pool_form(
        project, reward=0.03, overlap=3, real=4, golden=1, rules=rules, auto_accept_solutions=False, auto_accept_period_day=1
    )
    pool = client.create_pool(form)
    with_control_tasks(recordings, "result", 10).pipe(tf.create_tasks, client, pool, allow_defaults=True, open_pool=True)
    balance = client.get_requester().balance

    solve = those_who_know(recordings.set_index("audio")["result"].to_dict(), "result", lambda right: right.upper()[::-1])
    toloka.answer(pool, workers=60, solve=solve, **LIVE)
    answers = client.get_assignments(pool)
    for frame in tf.follow(answers, by="submitted", until=tf.closed(pool), **NOW):
        control = frame[frame["GOLDEN:result"].notna()]
        pairs = zip(control["GOLDEN:result"], control["OUTPUT:result"], strict=True)
        likeness = pd.Series([difflib.SequenceMatcher(None, *pair).ratio() for pair in pairs], control.index)
        pages = control[["ASSIGNMENT:assignment_id"]]
        pages[likeness >= 0.8].pipe(tf.accept_assignments, client, public_comment="Well done", progress=False)
        pages[likeness < 0.8].pipe(tf.reject_assignments, client, public_comment="The control task is wrong", progress=False)
        careless = control[likeness < 0.8][["ASSIGNMENT:worker_id"]].drop_duplicates().set_axis(["user_id"], axis=1)
        careless.assign(scope="POOL", pool_id=pool.id).pipe(tf.set_user_restrictions, client, progress=False)

    done = answers.to_dataframe()
    pages = done.groupby("ASSIGNMENT:status")["ASSIGNMENT:assignment_id"].nunique()
    assert set(pages.index) == {"ACCEPTED", "REJECTED"}
    assert balance - client.get_requester().balance == pytest.approx(0.03 * pages["ACCEPTED"])
    paid = done[(done["ASSIGNMENT:status"] == "ACCEPTED") & done["GOLDEN:result"].isna()]
    assert paid["INPUT:audio"].value_counts().tolist() == [3] * 40
    found = most_common(paid.pipe(tf.to_crowdkit, task="INPUT:audio"))
    assert (found == found.index.map(recordings.set_index("audio")["result"])).mean() > 0.9
    rejected = set(done[done["ASSIGNMENT:status"] == "REJECTED"]["ASSIGNMENT:worker_id"])
    assert set(client.get_user_restrictions(pool_id=pool, scope="POOL").to_dataframe()["user_id"]) == rejected


def test_sentiment_with_a_skill(toloka: LocalToloka, client: tf.TolokaClient) -> None:
    """Reviews; the share of right control tasks becomes a skill, and those below 90 get no more pages."""
    reviews = pd.DataFrame({"review": [f"Review {number}" for number in range(220)], "sentiment": ["pos", "neg"] * 110})
    project = client.create_project(tf.project_form(inputs={"review": "string"}, outputs={"sentiment": ["pos", "neg"]}))
    skill = client.create_skill(name="sentiment-analysis", hidden=True)
    rules = [
        tf.rule(
            "CAPTCHA", "stored_results_count >= 4 and success_rate < 75", tf.ban(days=1, comment="captcha"), history_size=10
        ),
        tf.rule(
            "ASSIGNMENT_SUBMIT_TIME",
            "total_submitted_count > 4 and fast_submitted_count > 2",
            tf.ban(days=1, comment="fast"),
            fast_submit_threshold_seconds=5,
        ),
        tf.rule("GOLDEN_SET", "total_answers_count > 4", tf.set_skill(skill, "correct_answers_rate"), history_size=10),
        tf.rule("ANSWER_COUNT", "assignments_accepted_count >= 30", tf.ban(days=1, comment="enough")),
    ]
    page = tf.filter("languages in EN", [f"skill:{skill.id} == none", f"skill:{skill.id} >= 90"])
    form = tf.pool_form(project, reward=0.01, overlap=3, real=9, golden=1, filter=page, rules=rules, captcha="MEDIUM")
    pool = client.create_pool(form)
    with_control_tasks(reviews, "sentiment", 20).pipe(tf.create_tasks, client, pool, allow_defaults=True, open_pool=True)

    other = {"pos": "neg", "neg": "pos"}
    solve = those_who_know(reviews.set_index("review")["sentiment"].to_dict(), "sentiment", other.__getitem__)
    toloka.answer(pool, workers=15, solve=solve)
    tf.wait_pool(client, pool, progress=False)

    answers = client.get_assignments(pool, status="ACCEPTED").to_dataframe()
    found = most_common(answers[answers["GOLDEN:sentiment"].isna()].pipe(tf.to_crowdkit, task="INPUT:review"))
    assert len(found) == 200
    assert (found == found.index.map(reviews.set_index("review")["sentiment"])).mean() > 0.9
    skills = client.get_user_skills(skill_id=skill.id).to_dataframe().set_index("user_id")["exact_value"]
    control = answers[answers["GOLDEN:sentiment"].notna()].sort_values("ASSIGNMENT:submitted")
    measured = control.groupby("ASSIGNMENT:worker_id").tail(10).pipe(tf.quality)["share"]
    assert skills.to_dict() == pytest.approx((100 * measured[skills.index]).to_dict())
    assert (skills < 90).any()
    assert (skills >= 90).any()


def test_image_collection_with_files(toloka: LocalToloka, client: tf.TolokaClient, tmp_path: Path) -> None:
    """Photos of pets, at most one of each Toloker."""
    outputs = {"image": "file", "label": ["cat", "dog", "none"]}
    project = client.create_project(tf.project_form(inputs={"label": "string"}, outputs=outputs))
    skill = client.create_skill(name="Pet photo", hidden=True)
    once = tf.rule("ANSWER_COUNT", "assignments_accepted_count > 0", tf.set_skill(skill, 1))
    page = tf.filter("languages in EN", f"skill:{skill.id} == none", "client_type == TOLOKA_APP")
    pool = client.create_pool(tf.pool_form(project, reward=0.05, overlap=1, real=0, filter=page, rules=[once]))
    wanted = pd.DataFrame({"label": ["Cats and dogs"]})
    wanted.pipe(tf.create_task_suites, client, pool, rows_per_suite=1, overlap=5, open_pool=True)

    toloka.answer(pool, solve=lambda _, worker: {"image": b"photo of " + worker.id.encode(), "label": "cat"})
    tf.wait_pool(client, pool, progress=False)

    answers = client.get_assignments(pool, status="ACCEPTED").to_dataframe()
    for attachment in answers["OUTPUT:image"]:
        client.download_attachment(attachment, tmp_path / f"{attachment}.jpg")
    workers = answers["ASSIGNMENT:worker_id"]
    assert workers.nunique() == 5
    assert {path.read_bytes() for path in tmp_path.iterdir()} == {b"photo of " + worker.encode() for worker in workers}
    skilled = client.get_user_skills(skill_id=skill.id).to_dataframe()
    assert set(skilled["user_id"]) == set(workers)


def search(task: Any, worker: Any) -> dict[str, str]:
    """Find a link to an image, check a link, or compare two, which is easy: a link shows how good it is."""
    values = task["input_values"]
    is_right = chance(worker.id, *values.values()) < worker.accuracy
    if "left" in values:
        return {"result": max(("left", "right"), key=lambda side: values[side])}
    if "link" in values:
        return {"result": "Yes" if ("good" in values["link"]) == is_right else "No"}
    return {"link": f"{values['image']}/{'good' if is_right else 'bad'}/{chance(values['image'], worker.id):.9f}"}


def pairs_of_links(links: pd.DataFrame) -> pd.DataFrame:
    """Return each pair of links of an image."""
    pairs = [
        (image, left, right)
        for image, found in links.groupby("INPUT:image")["OUTPUT:link"]
        for left, right in itertools.combinations(found, 2)
    ]
    return pd.DataFrame(pairs, columns=["image", "left", "right"])


def test_find_verify_and_compare(toloka: LocalToloka, client: tf.TolokaClient) -> None:
    """Links to a product are found, others check each link, and of the good ones of a product the best is chosen."""
    find = client.create_project(tf.project_form(inputs={"image": "url"}, outputs={"link": "string"}))
    checked_inputs = {"image": "url", "link": "string", "assignment_id": "string"}
    check = client.create_project(tf.project_form(inputs=checked_inputs, outputs={"result": ["Yes", "No"]}))
    compared_inputs = {"image": "url", "left": "string", "right": "string"}
    compare = client.create_project(tf.project_form(inputs=compared_inputs, outputs={"result": ["left", "right"]}))
    again = tf.rule("ASSIGNMENTS_ASSESSMENT", "assessment_event == REJECT", tf.change_overlap(1, open_pool=True))
    judged_later = {"auto_accept_solutions": False, "auto_accept_period_day": 14}
    finding = client.create_pool(tf.pool_form(find, reward=0.08, real=1, rules=[again], **judged_later))
    checking = client.create_pool(tf.pool_form(check, reward=0.02, real=1))
    comparing = client.create_pool(tf.pool_form(compare, reward=0.04, real=1))
    pools = [finding, checking, comparing]
    images = pd.DataFrame({"image": urls("products", 5)})
    images.pipe(tf.create_tasks, client, finding, overlap=4, open_pool=True, progress=False)

    for pool in pools:
        toloka.answer(pool, workers=50, solve=search, **LIVE)
    found = client.get_assignments(finding)
    scans = {"found": found, "accepted": found, "checked": client.get_assignments(checking)}
    by = {"found": "submitted", "accepted": "accepted", "checked": "accepted"}
    checked, accepted = pd.DataFrame(), pd.DataFrame()
    for name, frame in tf.follow(scans, by=by, until=tf.closed(pools), **NOW):
        if name == "found":
            links = frame.rename(
                columns={"INPUT:image": "image", "OUTPUT:link": "link", "ASSIGNMENT:assignment_id": "assignment_id"}
            )
            links["TASK:unavailable_for"] = [[worker] for worker in links["ASSIGNMENT:worker_id"]]
            tasks = links[["image", "link", "assignment_id", "TASK:unavailable_for"]]
            tasks.pipe(tf.create_tasks, client, checking, overlap=3, open_pool=True, progress=False)
        elif name == "checked":
            ready, checked = pd.concat([checked, frame]).pipe(tf.complete, by="INPUT:assignment_id", overlap=3)
            verdicts = ready.assign(good=ready["OUTPUT:result"] == "Yes").groupby("INPUT:assignment_id")["good"].mean()
            pages = verdicts.rename_axis("assignment_id").reset_index()
            pages.loc[pages["good"] > 0.5, ["assignment_id"]].pipe(
                tf.accept_assignments, client, public_comment="Well done", progress=False
            )
            pages.loc[pages["good"] < 0.5, ["assignment_id"]].pipe(
                tf.reject_assignments, client, public_comment="Another product", progress=False
            )
        else:
            ready, accepted = pd.concat([accepted, frame]).pipe(tf.complete, by="INPUT:image", overlap=4)
            pairs_of_links(ready).pipe(tf.create_tasks, client, comparing, overlap=3, open_pool=True, progress=False)

    answers = client.get_assignments(comparing).to_dataframe()
    winners = answers["INPUT:left"].where(answers["OUTPUT:result"] == "left", answers["INPUT:right"])
    best = winners.groupby(answers["INPUT:image"]).agg(lambda links: links.mode()[0])
    assert (len(checked), len(accepted), len(answers)) == (0, 0, 5 * 6 * 3)
    pages = found.to_dataframe()
    good = pages[pages["ASSIGNMENT:status"] == "ACCEPTED"]
    assert good["INPUT:image"].value_counts().tolist() == [4] * 5
    assert set(pages["ASSIGNMENT:status"]) == {"ACCEPTED", "REJECTED"}
    assert best.tolist() == good.groupby("INPUT:image")["OUTPUT:link"].max().tolist()
    checkers = client.get_assignments(checking).to_dataframe()
    finders = checkers["INPUT:assignment_id"].map(pages.set_index("ASSIGNMENT:assignment_id")["ASSIGNMENT:worker_id"])
    assert (finders != checkers["ASSIGNMENT:worker_id"]).all()
