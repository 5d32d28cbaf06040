"""The work with RecTools."""

from importlib.metadata import version

from contest import ALPHA, FACTORS, ITERATIONS, NEIGHBOURS, REGULARIZATION, Contest, K
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from rectools import Columns
from rectools.dataset import Dataset
from rectools.metrics import NDCG, Precision, Recall, calc_metrics
from rectools.models import ImplicitALSWrapperModel, ImplicitItemKNNWrapperModel, PopularModel

contest = Contest()
names = {"user_id": Columns.User, "product_id": Columns.Item, "weight": Columns.Weight}
pairs = contest.pairs.to_pandas().rename(columns=names)
pairs[Columns.Datetime] = "2024-01-01"
relevant = contest.relevant.to_pandas().rename(columns=names)
with contest.step("prepare"):
    plain = Dataset.construct(pairs)
    confidence = Dataset.construct(pairs.assign(**{Columns.Weight: 1 + ALPHA * pairs["weight"]}))
models = {
    "popularity": (PopularModel(popularity="n_interactions"), plain),
    "als": (
        ImplicitALSWrapperModel(
            AlternatingLeastSquares(
                factors=FACTORS,
                iterations=ITERATIONS,
                regularization=REGULARIZATION,
                alpha=1.0,
                random_state=1,
            )
        ),
        confidence,
    ),
    "item_cf": (ImplicitItemKNNWrapperModel(CosineRecommender(K=NEIGHBOURS + 1)), plain),
}
lists = {}
for name, (model, dataset) in models.items():
    with contest.step(name):
        model.fit(dataset)
for name, (model, dataset) in models.items():
    with contest.step("recommend"):
        lists[name] = model.recommend(contest.users, dataset, k=K, filter_viewed=True)
metrics = {"precision": Precision(k=K), "recall": Recall(k=K), "ndcg": NDCG(k=K)}
for found in lists.values():
    with contest.step("metrics"):
        calc_metrics(metrics, reco=found, interactions=relevant)
for name, found in lists.items():
    contest.keep(name, found[Columns.User].to_numpy(), found[Columns.Item].to_numpy())
contest.report(version("rectools"))
