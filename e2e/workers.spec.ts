import type { ServiceReport } from "@/contracts/worker-protocol/attach";
import {
  countPoints,
  expect,
  expectAccessible,
  measureOverflow,
  test,
  waitLive,
} from "./support/product";
import { launchReportedRun } from "./support/reported-run";

test("the local worker is shown, and a token attaches another", async ({ page }) => {
  await page.goto("/workers");
  await waitLive(page);
  const local = page.locator("[data-worker]").first();
  await expect(local).toContainText("online", { timeout: 30_000 });
  await expect(local).toContainText("smollm2-135m-instruct");

  await page.getByRole("button", { name: "Attach a worker" }).click();
  await page.getByLabel("Name of the token").fill("gpu box in the cellar");
  await page.getByRole("button", { name: "Make the command" }).click();
  const command = page.getByTestId("attach-command");
  await expect(command).toHaveText(
    /^S3_WORKER_TOKEN=\S{20,} npm run worker -- --server http:\/\/127\.0\.0\.1:\d+$/,
  );
  await page.getByRole("button", { name: "Done" }).click();

  // Shown once: opening it again makes a new one and never shows the old.
  await page.getByRole("button", { name: "Attach a worker" }).click();
  await expect(page.getByTestId("attach-command")).toHaveCount(0);
  await page.keyboard.press("Escape");

  const token = page.locator("[data-token]", { hasText: "gpu box in the cellar" });
  await expect(token).toContainText("never used");
  await token.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await expect(token).toContainText("revoked");
});

/** An engine of three ranks on two machines, of which one has a GPU to spare. */
const ENGINE: ServiceReport = {
  key: "engine",
  kind: "engine",
  state: "ready",
  detail: "3 ranks",
  error: null,
  memoryMb: 2_048,
  address: null,
  references: 1,
  startedAt: 1_700_000_000_000,
  cluster: {
    address: "10.0.0.1:6379",
    strategy: "spread",
    nodes: [
      {
        id: "a",
        address: "10.0.0.1",
        alive: true,
        cpus: 64,
        gpus: 3,
        memoryBytes: 512 * 2 ** 30,
        ranks: [0, 2],
      },
      {
        id: "b",
        address: "10.0.0.2",
        alive: true,
        cpus: 32,
        gpus: 1,
        memoryBytes: 64 * 2 ** 30,
        ranks: [1],
      },
    ],
    ranks: [0, 1, 2].map((rank) => ({
      rank,
      node: rank === 1 ? "b" : "a",
      device: "NVIDIA H200",
      pid: 100 + rank,
    })),
  },
};

/** What each rank computes of the time of a step, in the order of the ranks; in step 3 the last one waits. */
const USE = [
  [0.9, 0.8, 0.7],
  [0.9, 0.8, 0.7],
  [0.9, 0.8, 0.25],
  [0.95, 0.85, 0.75],
] as const;

test("the machines of a cluster are shown with their ranks, and how busy each rank was, step by step", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun(
    { productAddress, productUrl },
    "On two machines",
    USE[0].length,
  );
  const { worker, attempt } = run;
  try {
    await worker.heartbeat([attempt], [ENGINE]);
    worker.keepAlive([attempt], 1_000, [ENGINE]);
    const points = USE.flatMap((ranks, i) => {
      const values = {
        "reward/mean": 0.5,
        "engine/rank_utilisation_mean": ranks.reduce((sum, one) => sum + one, 0) / ranks.length,
        "engine/rank_utilisation_min": Math.min(...ranks),
        "engine/communication_share": 0.125,
        ...Object.fromEntries(ranks.map((use, n) => [`engine/rank_utilisation/${n}`, use])),
        "engine/rank_memory_max_mb": 40_000,
      };
      const at = 1_700_000_000_000 + 60_000 * i;
      return Object.entries(values).map(([name, value]) => ({ name, value, step: i + 1, at }));
    });
    await worker.request("report", {
      ...attempt,
      sequence: 1,
      items: [{ kind: "metrics", points }],
    });

    await page.goto("/workers");
    await waitLive(page);
    const cluster = page
      .locator(`[data-worker="${worker.id}"]`)
      .getByRole("region", { name: "Cluster" });
    await expect(cluster).toContainText("3 ranks on 2 machines");
    await expect(cluster).toContainText("on as many machines as there are");
    await expect(cluster).toContainText("Ray cluster at 10.0.0.1:6379");
    const listParts = (machine: string) =>
      cluster.getByRole("listitem", { name: `Machine ${machine}` }).getByRole("listitem");
    await expect(listParts("10.0.0.1")).toHaveText([
      "Rank 0 NVIDIA H200",
      "Rank 2 NVIDIA H200",
      "free GPU",
    ]);
    await expect(listParts("10.0.0.2")).toHaveText(["Rank 1 NVIDIA H200"]);
    await expectAccessible(page);
    await page.setViewportSize({ width: 390, height: 844 });
    await expect(cluster).toBeVisible();
    expect(await measureOverflow(page)).toBeLessThanOrEqual(0);
    await page.setViewportSize({ width: 1440, height: 900 });

    await page.goto(`/runs/${attempt.runId}`);
    await waitLive(page);
    await expect(page.getByRole("combobox", { name: "Axis" })).toHaveValue("step");
    for (const [chart, atThree] of [
      ["rank-use", "Computing, mean 65%, Computing, least busy rank 25%, Communicating 12.5%"],
      ["rank-use-each", "0 90%, 1 80%, 2 25%"],
    ] as const)
      await test.step(chart, async () => {
        const card = page.locator(`[data-chart="${chart}"]`);
        await card.scrollIntoViewIfNeeded();
        await expect(card.locator("[data-curve]")).toHaveCount(3);
        expect(await countPoints(page, chart)).toBe(3 * USE.length);
        await card.getByRole("group").focus();
        for (const step of [4, 3]) {
          await page.keyboard.press("ArrowLeft");
          await expect(card.getByRole("status")).toContainText(`step ${step}: `);
        }
        await expect(card.getByRole("status")).toHaveText(`step 3: ${atThree}`);
        await page.keyboard.press("Escape");
      });
    await expect(page.locator('[data-chart="rank-memory"]')).toContainText("40,000");
    await worker.request("transition", { ...attempt, to: "failed", reason: "seen" });
  } finally {
    run.stop();
  }
});
