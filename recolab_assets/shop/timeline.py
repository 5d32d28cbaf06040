"""The months and days that a synthetic log covers."""

from dataclasses import dataclass

import numpy as np

from recolab_assets.config import ShopConfig

SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class LogCalendar:
    """Calendar of a log: months are the steps in which product weights change."""

    months: np.ndarray
    """First day of every month, and the day after the log; datetime64[D], (n_months + 1,)."""

    @classmethod
    def of(cls, shop: ShopConfig) -> "LogCalendar":
        """Return the calendar that the configuration describes."""
        first = np.datetime64(shop.start, "M")
        months = np.arange(first, first + shop.months + 1).astype("datetime64[D]")
        if shop.end is not None:
            months[-1] = np.datetime64(shop.end, "D") + 1
        return cls(months)

    @property
    def n_months(self) -> int:
        """Number of months."""
        return len(self.months) - 1

    @property
    def n_days(self) -> int:
        """Number of days."""
        return int((self.months[-1] - self.months[0]).astype(int))

    @property
    def first_month(self) -> int:
        """Calendar month of the first month, 1 to 12."""
        return int(self.months[0].astype("datetime64[M]").astype(int)) % 12 + 1

    @property
    def n_seconds(self) -> int:
        """Length of the log in seconds."""
        return self.n_days * SECONDS_A_DAY

    @property
    def month_starts(self) -> np.ndarray:
        """Seconds from the log's start to the start of every month, (n_months,)."""
        return self.seconds(self.months[:-1])

    def seconds(self, times: np.ndarray) -> np.ndarray:
        """Seconds from the start of the log to each time, as float64."""
        start = self.months[0].astype("datetime64[us]")
        return (times.astype("datetime64[us]") - start).astype(np.int64) / 1e6

    def times(self, seconds: np.ndarray) -> np.ndarray:
        """Times at the given seconds from the start, to the millisecond; datetime64[us]."""
        start = self.months[0].astype("datetime64[ms]")
        return (start + np.floor(seconds * 1e3).astype("timedelta64[ms]")).astype("datetime64[us]")

    def month_of(self, seconds: np.ndarray) -> np.ndarray:
        """Index of the month that each moment falls in; int, 0 to n_months − 1."""
        return np.searchsorted(self.month_starts, seconds, side="right") - 1

    def days_of_months(self) -> np.ndarray:
        """Index of the month of every day of the log, (n_days,)."""
        return self.month_of(np.arange(self.n_days) * float(SECONDS_A_DAY))

    def month_shares(self, start: np.datetime64, end: np.datetime64) -> dict[int, float]:
        """Share of a window that falls in each month, by month index.

        Raises:
            ValueError: The window is empty or lies outside the log.
        """
        days = np.arange(start.astype("datetime64[D]"), end.astype("datetime64[D]"))
        if not len(days) or days[0] < self.months[0] or days[-1] >= self.months[-1]:
            raise ValueError(
                f"the window from {start} to {end} is empty or outside the log"
                f" ({self.months[0]} to {self.months[-1]})"
            )
        months, counts = np.unique(
            np.searchsorted(self.months, days, side="right") - 1, return_counts=True
        )
        return dict(zip(months.tolist(), (counts / len(days)).tolist(), strict=True))
