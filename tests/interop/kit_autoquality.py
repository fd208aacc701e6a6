"""Toloka-Kit's AutoQuality at work: a service's address -> lines of JSON on standard output, one for each scenario.

Runs inside .venv-kit, as `TOLOKA_TOKEN=... python kit_autoquality.py URL`, driven by test_interop.py.
"""

from __future__ import annotations

import collections
import os
import sys
import threading
import time

import numpy as np
import toloka.client as tk
from kit_session import ask, run_scenarios, training_form
from kit_streaming import project
from toloka.autoquality import AutoQuality, default_calc_ranks

REAL, GOLDEN = 20, 10
LABELS = ("pos", "neg")
TEXTS = {"text": tk.project.StringSpec()}, {"result": tk.project.StringSpec(allowed_values=list(LABELS))}


def training(client: tk.TolokaClient, project_id: str) -> tk.Training:
    made = client.create_training(training_form(project_id, seconds=300, tasks=5))
    tasks = [
        known_task(number, made.id, message_on_unknown_solution="Look again", infinite_overlap=True) for number in range(10)
    ]
    client.create_tasks(tasks, allow_defaults=True)
    return made


def known_task(number: int, pool_id: str | None = None, **more: object) -> tk.Task:
    known = tk.task.BaseTask.KnownSolution(output_values={"result": LABELS[number % 2]})
    return tk.Task(pool_id=pool_id, input_values={"text": f"known {number}"}, known_solutions=[known], **more)


def base_pool(client: tk.TolokaClient, project_id: str) -> tk.Pool:
    made = tk.Pool(
        project_id=project_id,
        private_name="AutoQuality Base Pool",
        may_contain_adult_content=False,
        reward_per_assignment=0.01,
        assignment_max_duration_seconds=420,
        will_expire="2099-01-01T00:00:00",
        filter=tk.filter.Languages.in_("EN") & ((tk.filter.ClientType == "TOLOKA_APP") | (tk.filter.ClientType == "BROWSER")),
    )
    made.set_mixer_config(real_tasks_count=4, golden_tasks_count=1)
    return client.create_pool(made)


def prepared(client: tk.TolokaClient, **options: object) -> AutoQuality:
    made = project(client, *TEXTS)
    quality = AutoQuality(
        toloka_client=client,
        project_id=made.id,
        base_pool_id=base_pool(client, made.id).id,
        training_pool_id=training(client, made.id).id,
        label_field="result",
        **options,
    )
    quality.setup_pools()
    real = [tk.Task(input_values={"text": f"text {number}"}) for number in range(REAL)]
    quality.create_tasks(real + [known_task(number) for number in range(GOLDEN)])
    return quality


def crowd(quality: AutoQuality) -> threading.Thread:
    """Tolokers who train, and who work on each pool from when it opens until it is complete; no two pools have the same."""

    def work() -> None:
        wait_until_open(quality.training_pool_id)
        for seed, pool in enumerate(quality.autoquality_pools):
            wait_until_open(pool.id)
            while quality.toloka_client.get_pool(pool.id).is_open():
                ask("answer", pool_id=quality.training_pool_id, seed=seed)
                ask("answer", pool_id=pool.id, seed=seed)
                seed += len(quality.autoquality_pools)  # noqa: PLW2901

    def wait_until_open(pool_id: str) -> None:
        while not quality.toloka_client.get_pool(pool_id).is_open():
            time.sleep(0.02)

    working = threading.Thread(target=work, daemon=True)
    working.start()
    return working


def finished(quality: AutoQuality) -> AutoQuality:
    """Return it after its run, with the pools archived."""
    working = crowd(quality)
    quality.run()
    working.join()
    quality.archive_autoquality_pools()
    assert {pool.status.value for pool in quality.autoquality_pools} == {"ARCHIVED"}
    return quality


def compare_with_lists(quality: AutoQuality) -> None:
    """The scores of each pool agree with its answers and bans; the best pool is the one with the highest rank."""
    client = quality.toloka_client
    for pool in quality.autoquality_pools:
        score = quality.scores[pool.id]["score"]
        answers = list(client.get_assignments(pool_id=pool.id, status="ACCEPTED"))
        users = {answer.user_id for answer in answers}
        bans = list(client.get_user_restrictions(scope="POOL", pool_id=pool.id))
        assert (score["unique_submitters_count"], score["num_bans"]) == (len(users), len(bans))
        assert score["ban_reason_counts"] == collections.Counter(ban.private_comment for ban in bans)
        assert abs(score["spent_budget"] - 0.01 * len(answers)) < 0.0001
        skill = quality.autoquality_pool_skills[pool.id]
        assert {row.user_id for row in client.get_user_skills(skill_id=skill.id)} >= users
    ranks = quality.ranks.set_index("pool_id")["main_rank"]
    assert set(ranks.index) == set(quality.params)
    best = list(ranks.index[ranks == ranks.max()])
    if len(best) == 1:  # of several that are equally good, Toloka-Kit names none: it raises a ValueError
        assert [quality.best_pool_id, quality.best_pool.id] == best * 2
        assert quality.best_pool_params == quality.params[quality.best_pool_id]


def default_distributions(client: tk.TolokaClient) -> None:
    """As most users call it; its random numbers are NumPy's."""
    np.random.seed(0)  # noqa: NPY002
    quality = finished(prepared(client, n_iter=3))
    assert len(quality.autoquality_pools) == 3
    compare_with_lists(quality)


def own_distributions(client: tk.TolokaClient) -> None:
    """Three pools that differ in one rule, and the ranking of the user: the fewer bans the better."""
    rates = [1, 40, 101]
    distributions = {"overlap": [5], "GoldenSet": {"history_size": [5], "incorrect_answers_rate": rates}}
    quality = prepared(client, n_iter=3, parameter_distributions=distributions, ranking_func=fewest_bans)
    finished(quality)
    compare_with_lists(quality)
    assert quality.best_pool_id in quality.params
    scores = {quality.params[pool]["GoldenSet"]["incorrect_answers_rate"]: one["score"] for pool, one in quality.scores.items()}
    assert set(scores[1]["ban_reason_counts"]) == {"GoldenSet"}
    assert (scores[101]["num_bans"], scores[1]["num_bans"] > 0) == (0, True)
    strict = next(pool for pool, one in quality.scores.items() if one["score"] is scores[1])
    assert "GoldenSet" in quality.pruned_params[strict]


def fewest_bans(scores: object) -> object:
    ranks = default_calc_ranks(scores)
    ranks["main_rank"] = ranks["bans_ratio_rank"] + ranks["optimal_quality_rank"] / 100
    return ranks


SCENARIOS = (default_distributions, own_distributions)


def main() -> None:
    [url] = sys.argv[1:]
    run_scenarios(SCENARIOS, tk.TolokaClient(os.environ["TOLOKA_TOKEN"], url=url, retries=0, timeout=30))


if __name__ == "__main__":
    main()
