"""The work with RecoLab."""

import numpy as np
import pyarrow.parquet as pq
from contest import ALPHA, FACTORS, ITERATIONS, NEIGHBOURS, REGULARIZATION, Contest, K

from recolab_assets.config import ModelConfig
from recolab_assets.evaluation.metrics import ndcg, precision, recall
from recolab_assets.evaluation.relevance import Relevance
from recolab_assets.models import MODELS
from recolab_assets.models.lists import RecommendationLists
from recolab_assets.models.recommend import recommend_blocks
from recolab_assets.models.training import TrainingData

contest = Contest()
products = pq.read_table(contest.folder / "products.parquet")
n_users = pq.read_metadata(contest.folder / "users.parquet").num_rows
settings = ModelConfig(
    als_factors=FACTORS,
    als_iterations=ITERATIONS,
    als_regularization=REGULARIZATION,
    als_alpha=ALPHA,
    itemcf_k_neighbours=NEIGHBOURS,
)
models = {}
with contest.step("popularity"):
    counts = np.bincount(contest.pairs["product_id"].to_numpy(), minlength=products.num_rows)
with contest.step("prepare"):
    data = TrainingData.from_tables(contest.pairs, products, counts, n_users)
for name in ("popularity", "als", "item_cf"):
    with contest.step(name):
        models[name] = MODELS[name].fit(data, settings, 1)
with contest.step("recommend"):
    blocks = list(recommend_blocks(models, data, top_k=K, candidate_depth=K, users=contest.users))
    lists = {
        name: RecommendationLists.concatenate([block[name] for block in blocks]) for name in models
    }
with contest.step("metrics"):
    relevance = Relevance.from_pairs(
        contest.relevant["user_id"].to_numpy(), contest.relevant["product_id"].to_numpy()
    )
    for of_model in lists.values():
        hits = relevance.hits(of_model.users, of_model.products)
        for metric in (precision, recall, ndcg):
            metric(hits, relevance.n_relevant, K).mean()
for name, of_model in lists.items():
    contest.keep(name, of_model.users, of_model.products)
contest.report("of this checkout")
