"""The work with implicit alone: its models and its own recommending, BLAS left as it comes."""

from importlib.metadata import version

import numpy as np
from contest import ALPHA, FACTORS, ITERATIONS, NEIGHBOURS, REGULARIZATION, Contest, K
from implicit.als import AlternatingLeastSquares
from implicit.nearest_neighbours import CosineRecommender
from scipy.sparse import csr_matrix

contest = Contest()
users = contest.users
with contest.step("prepare"):
    owners, products, weights = (
        contest.pairs[name].to_numpy() for name in ("user_id", "product_id", "weight")
    )
    pairs = csr_matrix((weights, (owners, products)))
    confidence = pairs.copy()
    confidence.data = 1 + np.float32(ALPHA) * pairs.data
with contest.step("popularity"):
    order = np.argsort(-np.bincount(products), kind="stable")
with contest.step("als"):
    als = AlternatingLeastSquares(
        factors=FACTORS,
        iterations=ITERATIONS,
        regularization=REGULARIZATION,
        alpha=1.0,
        random_state=1,
    )
    als.fit(confidence, show_progress=False)
with contest.step("item_cf"):
    item_cf = CosineRecommender(K=NEIGHBOURS + 1)
    item_cf.fit(pairs.astype(np.float64), show_progress=False)
with contest.step("recommend"):
    lists = {
        name: model.recommend(users, pairs[users], N=K)[0]
        for name, model in (("als", als), ("item_cf", item_cf))
    }
    # implicit has no popularity model: the head of the order that a user has not seen.
    popular = np.full((len(users), K), -1)
    for row, user in enumerate(users):
        seen = pairs.indices[pairs.indptr[user] : pairs.indptr[user + 1]]
        head = order[: K + len(seen)]
        popular[row] = head[np.isin(head, seen, invert=True)][:K]
    lists["popularity"] = popular
with contest.step("metrics"):
    # Its own metrics have no recall, so all three are worked out here in numpy.
    stride = pairs.shape[1]
    keys = np.sort(
        contest.relevant["user_id"].to_numpy().astype(np.int64) * stride
        + contest.relevant["product_id"].to_numpy()
    )
    n_relevant = np.bincount(np.searchsorted(users, keys // stride))
    gains = 1 / np.log2(np.arange(2, K + 2))
    ideal = gains.cumsum()[np.minimum(n_relevant, K) - 1]
    for found in lists.values():
        hits = np.isin(users[:, None].astype(np.int64) * stride + found, keys) & (found >= 0)
        (hits.sum(axis=1) / K).mean()
        (hits.sum(axis=1) / n_relevant).mean()
        (hits @ gains / ideal).mean()
for name, found in lists.items():
    contest.keep(name, users, found)
contest.report(version("implicit"))
