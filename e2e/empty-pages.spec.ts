import { connect } from "@/cli/lib/client";
import { RUN_SHELVES } from "@/contracts/api/run-list-values";
import { checkLooks } from "./support/looks";
import {
  expect,
  findAccessibilityFaults,
  measureOverflow,
  test,
  waitLive,
} from "./support/product";

/** Pages, and what those say that have nothing to show. */
const PAGES: Readonly<Record<string, string | null>> = {
  "/": "No run has come to its end yet.",
  "/runs": "No run yet",
  "/runs/compare": "No run is chosen",
  "/sweeps": "No sweep yet",
  "/leaderboard": "Nothing has been answered yet",
  "/compare": "Two predictions are needed",
  "/labels": "No judge has scored a run yet",
  "/questions": null,
  "/retrieval": "No retriever is measured yet",
  "/playground": null,
  "/playground/ask": null,
  "/corpora": null,
  "/workers": null,
  "/notifications": "No channel yet.",
  "/mirrors": "No mirror: metrics are here alone.",
};

/** What somebody did in a product, in words; of a product on its first day nothing. */
async function listTraces(productAddress: string): Promise<string[]> {
  const { client, close } = connect(productAddress);
  try {
    const [shelves, sweeps, questionSets, workers, pools, mirrors, channels] = await Promise.all([
      Promise.all(RUN_SHELVES.map((shelf) => client.runs.list.query({ shelf }))),
      client.sweeps.list.query({}),
      client.catalogue.questionSets.query(),
      client.workers.list.query(),
      client.pools.list.query(),
      client.mirrors.list.query(),
      client.notifications.list.query(),
    ]);
    return [
      ...shelves.flatMap(({ rows }) => rows.map(({ name }) => `run ${name}`)),
      ...sweeps.rows.map(({ name }) => `sweep ${name}`),
      ...questionSets
        .filter(({ name }) => !name.startsWith("atlas/"))
        .map(({ name }) => `question set ${name}`),
      // The server starts one worker, on its own machine.
      ...workers.slice(1).map(({ name }) => `worker ${name}`),
      ...pools.map(({ name }) => `pool ${name}`),
      ...mirrors.map(({ name }) => `mirror ${name}`),
      ...channels.map(({ name }) => `channel ${name}`),
    ];
  } finally {
    close();
  }
}

test(
  "pages of a product on its first day can be read on a phone, and in test:long in every look",
  { tag: "@looks" },
  async ({ page, productAddress }) => {
    test.setTimeout(300_000);
    expect(await listTraces(productAddress), "what was done in this product").toEqual([]);
    for (const [address, text] of Object.entries(PAGES))
      await test.step(address, async () => {
        await page.goto(address);
        await waitLive(page);
        await expect(page.locator("main h1")).toBeVisible();
        await expect(page.locator("main [aria-busy=true]")).toHaveCount(0);
        if (text !== null) await expect(page.locator("main").getByText(text).first()).toBeVisible();
        await checkLooks(page, address, async (rules, look) => {
          expect.soft(await findAccessibilityFaults(page, rules), look).toEqual([]);
          expect.soft(await measureOverflow(page), look).toBeLessThanOrEqual(0);
        });
      });
  },
);
