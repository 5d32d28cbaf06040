"""The work with LensKit, for as many of the users as its third argument says."""

import sys
from importlib.metadata import version

import numpy as np
from contest import ALPHA, FACTORS, ITERATIONS, NEIGHBOURS, REGULARIZATION, Contest, K
from lenskit.als import ImplicitMFScorer
from lenskit.basic import PopScorer
from lenskit.batch import recommend
from lenskit.data import ItemListCollection, from_interactions_df
from lenskit.knn import ItemKNNScorer
from lenskit.metrics import NDCG, Precision, Recall, RunAnalysis
from lenskit.pipeline import topn_pipeline


def main() -> None:
    """Do the work; LensKit starts processes that import this file anew."""
    contest = Contest()
    n_sampled = min(int(sys.argv[3]), len(contest.users))
    users = np.sort(np.random.default_rng(1).permutation(contest.users)[:n_sampled])
    names = {"product_id": "item_id", "weight": "rating"}
    pairs = contest.pairs.to_pandas().rename(columns=names)
    relevant = contest.relevant.to_pandas().rename(columns=names)
    relevant = relevant[relevant["user_id"].isin(users)]
    with contest.step("prepare"):
        data = from_interactions_df(pairs)
    scorers = {
        "popularity": PopScorer(),
        "als": ImplicitMFScorer(
            embedding_size=FACTORS,
            epochs=ITERATIONS,
            regularization=REGULARIZATION,
            weight=ALPHA,
            use_ratings=True,
        ),
        "item_cf": ItemKNNScorer(
            max_nbrs=NEIGHBOURS, save_nbrs=NEIGHBOURS, min_nbrs=1, feedback="implicit"
        ),
    }
    pipelines = {}
    for name, scorer in scorers.items():
        with contest.step(name):
            pipelines[name] = topn_pipeline(scorer, n=K)
            pipelines[name].train(data)
    lists = {}
    for name, pipeline in pipelines.items():
        with contest.step("recommend"):
            lists[name] = recommend(pipeline, users, K, n_jobs=1)
    with contest.step("metrics"):
        truth = ItemListCollection.from_df(relevant, ["user_id"])
        for found in lists.values():
            analysis = RunAnalysis()
            for metric in (Precision(n=K), Recall(n=K), NDCG(n=K)):
                analysis.add_metric(metric)
            analysis.measure(found, truth).list_summary()
    for name, found in lists.items():
        rows = found.to_df()
        contest.keep(name, rows["user_id"].to_numpy(), rows["item_id"].to_numpy())
    contest.report(version("lenskit"))


if __name__ == "__main__":
    main()
