"""Every scheme stated once more, as plainly as it can be: dense matrices, NumPy, no adjoint.

The independent statement against which generated code is tested.
"""

import numpy as np

from socbayes.core.kernels import evaluation
from socbayes.core.reference import evaluate
from socbayes.core.structure import INPUT


class Plain:
    """One structure with parameters ``p[site, parameter]``."""

    def __init__(self, structure, p):
        self.structure, self.p = structure, p.T
        self.n = len(structure.pools)
        self.position = {name: i for i, name in enumerate(structure.state)}
        self.ends = [
            (-1 if flow.source == INPUT else self.position[flow.source], self.position[flow.target])
            for flow in structure.trace.flows
        ]

    def rates(self, what, pools, u):
        """Rates (flow, site) at pools (pool, site) and drivers (site, driver)."""
        return evaluate(evaluation(self.structure, what), {"x": pools, "p": self.p, "u": u.T}, "out").T

    def tendency(self, z, u):
        change = np.zeros_like(z)
        for (j, i), rate in zip(self.ends, self.rates("flows", z[: self.n], u), strict=True):
            if j >= 0:
                change[j] -= rate
            change[i] += rate
        return change

    def patankar(self, z, parts, h):
        """State after flows ``(rates over source, over, under)``, each weighted by new pools over ``under``."""
        n, sites = self.n, z.shape[1]
        matrix, right = np.tile(np.eye(n), (sites, 1, 1)), z[:n].T.copy()
        into_sinks = []
        for site in range(sites):
            for k, over, under in parts:
                for f, (j, i) in enumerate(self.ends):
                    amount = h * k[f, site] * (over[j, site] if j >= 0 else 1.0)
                    loser, gainer = (j, i) if amount >= 0 else (i, j)
                    amount = abs(amount)
                    if 0 <= loser < n:
                        empty = under[loser, site] <= 0
                        if loser == j and empty:
                            weight = h * k[f, site]  # the limit of an empty pool
                        else:
                            weight = 0.0 if empty else amount / under[loser, site]
                        matrix[site, loser, loser] += weight
                        if 0 <= gainer < n:
                            matrix[site, gainer, loser] -= weight
                        elif gainer >= n:
                            into_sinks.append((site, gainer, loser, weight))
                    else:
                        if 0 <= gainer < n:
                            right[site, gainer] += amount
                        if gainer >= n:
                            into_sinks.append((site, gainer, None, amount))
                        if loser >= n:
                            into_sinks.append((site, loser, None, -amount))
        y = np.linalg.solve(matrix, right[..., None])[..., 0].T
        after = np.concatenate([y, z[n:]])
        for site, sink, loser, weight in into_sinks:
            after[sink, site] += weight if loser is None else weight * y[loser, site]
        return after

    def step(self, scheme, z, u, h):
        """State (state, site) after a step; drivers (site, driver) at its start, middle and end."""
        n = self.n
        if scheme == "euler":
            return z + h * self.tendency(z, u[0])
        if scheme == "rk4":
            k1 = self.tendency(z, u[0])
            k2 = self.tendency(z + 0.5 * h * k1, u[1])
            k3 = self.tendency(z + 0.5 * h * k2, u[1])
            k4 = self.tendency(z + h * k3, u[2])
            return z + h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        k0 = self.rates("specific", z[:n], u[0])
        y1 = self.patankar(z, [(k0, z, z)], h)[:n]
        k1 = self.rates("specific", y1, u[2])
        return self.patankar(z, [(k0, z, y1), (k1, y1, y1)], 0.5 * h)

    def run(self, scheme, linear, x0, u, interval, steps, when):
        """States (time, site, state) at ``when``."""
        z = np.concatenate([x0.T, np.zeros((len(self.structure.sinks), x0.shape[0]))])
        u = np.broadcast_to(u, (u.shape[0], x0.shape[0], u.shape[2]))
        out, t = [], 0
        with np.errstate(all="ignore"):
            for end in when:
                while t < end:
                    for s in range(steps):
                        places = [(s + c) / steps for c in (0.0, 0.5, 1.0)] if linear else [0.0] * 3
                        rows = [u[t] + (c * (u[t + 1] - u[t]) if linear else 0.0) for c in places]
                        z = self.step(scheme, z, rows, interval / steps)
                    t += 1
                out.append(z.T)
        return np.stack(out)
