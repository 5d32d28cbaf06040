"""item_cf on Spark: which pairs the neighbours of a block of products are found from."""

from recolab_assets.sql import Select


def pairs_of_blocks(n_blocks: int) -> Select:
    """Select, for each block of products, all pairs of the users who have one of its products.

    A product's values have unit length, so that sums of products of values are cosines. Values and
    their order are as ``implicit`` has them, so the sums are the same to the last digit.

    Args:
        n_blocks: Blocks; products are dealt by id, so that each has its share of popular ones.

    Returns:
        Rows (block, user_id, product_id, value, is_own).
    """
    return Select(
        """
        WITH pairs AS (
            SELECT
                user_id, product_id, CAST(weight AS DOUBLE) AS weight,
                product_id % $blocks::INTEGER AS block
            FROM processed.train_pairs WHERE weight > 0
        ),
        lengths AS (
            SELECT product_id, sqrt(sum(weight * weight ORDER BY user_id)) AS length
            FROM pairs GROUP BY product_id
        ),
        valued AS (
            SELECT user_id, product_id, weight / length AS value, block
            FROM pairs JOIN lengths USING (product_id)
        ),
        touched AS (SELECT DISTINCT user_id, block AS of_block FROM valued)
        SELECT of_block AS block, user_id, product_id, value, block = of_block AS is_own
        FROM touched JOIN valued USING (user_id)
        """,
        {"blocks": n_blocks},
    )
