import { randomUUID } from "node:crypto";
import type { Page } from "@playwright/test";
import { connect, type Client } from "@/cli/lib/client";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { findPreset } from "@/core/presets/run-presets";
import { findRecorded, type Recorded } from "./screenshots/pages";
import { checkLooks, LAPTOP } from "./support/looks";
import { sendTracking } from "./support/mlflow";
import { expect, findAccessibilityFaults, test, waitLive } from "./support/product";

/** Every dialog of the product, held against WCAG 2.2 AA by axe and against the edges of the window. */

/** What the dialogs are opened of. */
interface Things extends Recorded {
  /** A run of another trainer. */
  external: string;
  /** A training that waits for a worker. */
  waiting: string;
  /** Takes away what can be. */
  remove: () => Promise<void>;
}

interface DialogCase {
  name: string;
  address: string | ((things: Things) => string);
  open: (page: Page) => Promise<void>;
}

const press =
  (...names: (string | RegExp)[]) =>
  async (page: Page): Promise<void> => {
    for (const name of names)
      await page
        .getByRole("button", { name, exact: typeof name === "string" })
        .first()
        .click();
  };

/** Opens the menu of a button and takes one of its items. */
const choose =
  (button: string | RegExp, item: string | RegExp) =>
  async (page: Page): Promise<void> => {
    await press(button)(page);
    await page.getByRole("menuitem", { name: item }).click();
  };

/** Ticks the first row of the table of runs. */
const tickFirst = (page: Page): Promise<void> =>
  page.locator("tr[data-run]").first().getByRole("checkbox").check();

const OF_LISTS: readonly DialogCase[] = [
  { name: "the palette", address: "/", open: (page) => page.keyboard.press("Control+k") },
  { name: "keys", address: "/labels", open: (page) => page.keyboard.press("?") },
  { name: "columns", address: "/runs", open: press("Columns") },
  { name: "filter", address: "/runs", open: press("Filter") },
  { name: "save a view", address: "/runs", open: choose("Views", "Save this view") },
  {
    name: "tags",
    address: "/runs",
    open: async (page) => {
      await tickFirst(page);
      await press("Tag")(page);
    },
  },
  {
    name: "cancellation of several",
    address: "/runs",
    open: async (page) => {
      await tickFirst(page);
      await press("Cancel")(page);
    },
  },
  {
    name: "name, tags, notes",
    address: "/runs",
    open: choose(/^Actions of/, "Name, tags, notes"),
  },
  { name: "import of a corpus", address: "/corpora", open: press("Import a corpus") },
  { name: "import of questions", address: "/questions", open: press("Import questions") },
  { name: "import of results", address: "/leaderboard", open: press("Import results") },
  {
    name: "deletion of a sweep",
    address: ({ sweep }) => `/sweeps/${sweep}`,
    open: press("Delete"),
  },
  {
    name: "a retriever",
    address: "/playground?q=capital",
    open: press("Change retriever A"),
  },
  {
    name: "who answers",
    address: "/playground/ask",
    open: choose("Add who answers", /checkpoint or a run/),
  },
];

const OF_RUNS: readonly DialogCase[] = [
  {
    name: "a chart in full screen",
    address: ({ training }) => `/runs/${training}`,
    open: choose(/full screen, table, export/, "Full screen"),
  },
  {
    name: "a chart as a table",
    address: ({ training }) => `/runs/${training}`,
    open: choose(/full screen, table, export/, "Show as table"),
  },
  {
    name: "a panel",
    address: ({ training }) => `/runs/${training}?tab=metrics`,
    open: press("New panel"),
  },
  {
    name: "a set of panels",
    address: ({ training }) => `/runs/${training}?tab=metrics`,
    open: press(/^Pin /, "Save"),
  },
  {
    name: "upstream's files",
    address: ({ predictions }) => `/runs/${predictions[0]}`,
    open: press("Upstream's files"),
  },
  {
    name: "steps",
    address: ({ waiting }) => `/runs/${waiting}`,
    open: press("Steps"),
  },
  { name: "pause", address: ({ waiting }) => `/runs/${waiting}`, open: press("Pause") },
  { name: "cancellation", address: ({ waiting }) => `/runs/${waiting}`, open: press("Cancel") },
  {
    name: "mapping of rollouts",
    address: ({ external }) => `/runs/${external}`,
    open: press("Where they are read"),
  },
];

const OF_MACHINES: readonly DialogCase[] = [
  { name: "a worker", address: "/workers", open: press("Attach a worker") },
  {
    name: "a worker's command",
    address: "/workers",
    open: press("Attach a worker", "Make the command"),
  },
  { name: "revocation of a token", address: "/workers", open: press("Revoke") },
  { name: "a key", address: "/workers", open: press("Add a key") },
  {
    name: "deletion of a key",
    address: "/workers",
    open: async (page) => {
      await page.locator("[data-key]").first().getByRole("button", { name: "Delete" }).click();
    },
  },
  {
    name: "a pool, with what would be submitted",
    address: "/workers",
    open: press("Add a pool", "What would be submitted"),
  },
  {
    name: "a pool that is wrong",
    address: "/workers",
    open: async (page) => {
      await press("Add a pool")(page);
      await page.getByRole("dialog").getByRole("button", { name: "Add", exact: true }).click();
      await expect(page.getByRole("dialog").getByRole("alert")).toBeVisible();
    },
  },
  { name: "a pool that is changed", address: "/workers", open: press(/^Edit /) },
  { name: "removal of a pool", address: "/workers", open: press(/^Remove /) },
  {
    name: "a channel that is wrong",
    address: "/notifications",
    open: press("Add a channel", "Add"),
  },
  { name: "removal of a channel", address: "/notifications", open: press(/^Remove /) },
  { name: "a mirror that is wrong", address: "/mirrors", open: press("Add a mirror", "Add") },
  { name: "removal of a mirror", address: "/mirrors", open: press(/^Remove /) },
];

/** Makes what no recording has. */
async function makeThings(client: Client, productUrl: string): Promise<Things> {
  const { run } = await sendTracking(productUrl, "runs/create", {
    experiment_id: "0",
    run_name: "with a dialog",
  });
  const { searcher, generator, ...config } = findPreset("atlas-smollm2-grpo")?.config as {
    kind: "train";
    searcher: object;
    generator: object;
  };
  const model = `model-of-${randomUUID()}`;
  const { id: waiting } = await client.runs.launch.mutate({
    config: {
      ...config,
      name: "waits for a dialog",
      searcher: { ...searcher, model },
      generator: { ...generator, model },
    },
  });
  const name = `dialogs-${randomUUID().slice(0, 8)}`;
  const [pool, channel, mirror] = await Promise.all([
    client.pools.create.mutate({
      name,
      target: { kind: "ssh", host: "nobody@127.0.0.1" },
      template: DEFAULT_TEMPLATES.ssh,
      serverUrl: productUrl,
      quota: 0,
    }),
    client.notifications.create.mutate({
      name,
      events: ["failed"],
      origin: productUrl,
      address: { kind: "webhook", url: "http://127.0.0.1:9/hook" },
    }),
    client.mirrors.create.mutate({ name, address: { kind: "console" } }),
    client.keys.put.mutate({ name, origin: "https://api.example.com", key: "a-key-of-nobody" }),
  ]);
  return {
    ...(await findRecorded(client)),
    external: run.info.run_id,
    waiting,
    async remove() {
      await client.runs.cancel.mutate({ id: waiting, reason: "looked at" });
      await client.pools.remove.mutate({ id: pool.id });
      await client.notifications.remove.mutate({ id: channel.id });
      await client.mirrors.remove.mutate({ id: mirror.id });
      await client.keys.remove.mutate({ name });
    },
  };
}

/** Axe's faults with an open dialog in one look (those of the page behind it other specs find), and how far it reaches over the window. */
async function findFaults(page: Page, rules?: string[]): Promise<string[]> {
  const box = (await page.getByRole("dialog").boundingBox())!;
  const { width, height } = page.viewportSize()!;
  const isInside =
    box.x >= 0 && box.y >= 0 && box.x + box.width <= width && box.y + box.height <= height;
  return [
    ...(await findAccessibilityFaults(page, rules, "[role=dialog]")),
    ...(isInside ? [] : [`the dialog reaches over the window: ${JSON.stringify(box)}`]),
  ];
}

/** Closes the dialog that is open, as a person does who wants another of the same page. */
async function closeDialog(page: Page): Promise<void> {
  await page.setViewportSize(LAPTOP);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
}

async function checkDialogs(
  page: Page,
  cases: readonly DialogCase[],
  things: Things,
): Promise<void> {
  let opened: string | null = null;
  for (const { name, address, open } of cases) {
    const wanted = typeof address === "string" ? address : address(things);
    const step = test.step(name, async () => {
      if (opened === wanted) await closeDialog(page);
      else {
        await page.setViewportSize(LAPTOP);
        await page.goto(wanted);
        await waitLive(page);
      }
      await open(page);
      await expect(page.getByRole("dialog"), name).toBeVisible();
      await expect(page.locator("[role=dialog] .animate-pulse")).toHaveCount(0);
      await checkLooks(page, name, async (rules, look) => {
        expect.soft(await findFaults(page, rules), look).toEqual([]);
      });
      opened = wanted;
    });
    await step.catch((error: unknown) => {
      // What the page shows then is not known: the next dialog begins anew.
      opened = null;
      expect.soft(String(error), name).toBe("");
    });
  }
  await page.keyboard.press("Escape");
}

for (const [title, cases] of [
  ["lists", OF_LISTS],
  ["runs", OF_RUNS],
  ["machines and receivers", OF_MACHINES],
] as const)
  test(
    `every dialog of ${title} can be read and reached on a phone, and in test:long in every look`,
    { tag: "@looks" },
    async ({ page, productAddress, productUrl }) => {
      test.setTimeout(600_000);
      // A button that is not there is told of, and the dialogs after it are looked at.
      page.setDefaultTimeout(30_000);
      const { client, close } = connect(productAddress);
      const things = await makeThings(client, productUrl);
      try {
        await checkDialogs(page, cases, things);
      } finally {
        await things.remove();
        close();
      }
    },
  );
