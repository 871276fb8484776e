import type { Page, Route, WebSocketRoute } from "@playwright/test";
import { connect } from "@/cli/lib/client";
import { transformer } from "@/contracts/api/transformer";
import { findRecorded } from "./screenshots/pages";
import { checkLooks } from "./support/looks";
import {
  expect,
  findAccessibilityFaults,
  measureOverflow,
  openRun,
  RECORDED,
  test,
} from "./support/product";

/** Pages while they load, where nothing could be read, and while the server is away: held against WCAG 2.2 AA by axe. */

/** Holds what a page shows now against axe in each look; what stands around it other specs look at. */
const checkMain = (page: Page, name: string): Promise<void> =>
  checkLooks(page, name, async (rules, look) => {
    expect.soft(await findAccessibilityFaults(page, rules, "main"), look).toEqual([]);
    expect.soft(await measureOverflow(page), look).toBeLessThanOrEqual(0);
  });

/** Has the browser ask for what a page shows, which otherwise comes with the page. */
async function fetchWithoutData(route: Route): Promise<void> {
  const request = route.request();
  if (request.resourceType() !== "document") return route.fallback();
  const headers = { ...(await request.allHeaders()), "sec-fetch-dest": "empty" };
  await route.fulfill({ response: await route.fetch({ headers }) });
}

const REFUSAL = {
  error: transformer.serialize({
    message: "The example of a failure.",
    code: -32_600,
    data: { code: "BAD_REQUEST", httpStatus: 400, path: "" },
  }),
};

/** Answers every call of the API with a failure that a retry does not help. */
async function refuse(route: Route): Promise<void> {
  const { pathname } = new URL(route.request().url());
  const calls = pathname.split("/").at(-1)!.split(",");
  await route.fulfill({ status: 400, json: calls.map(() => REFUSAL) });
}

/** Every page that reads something of its own; the glossary reads nothing. */
async function listAddresses(productAddress: string): Promise<string[]> {
  const { client, close } = connect(productAddress);
  const known = await findRecorded(client).finally(close);
  const { training, predictions, sweep, episode } = known;
  return [
    "/",
    "/runs",
    `/runs/compare?ids=${training}`,
    `/runs/${training}`,
    `/runs/${training}?tab=episodes`,
    `/runs/${training}/episodes/${episode}`,
    `/runs/${training}/report`,
    `/runs/${predictions[0]}`,
    "/runs/new",
    "/sweeps",
    `/sweeps/${sweep}`,
    "/leaderboard",
    `/compare?runs=${predictions.slice(0, 2).join(",")}`,
    "/questions",
    "/corpora",
    "/corpora/atlas",
    "/retrieval",
    "/playground",
    "/playground/ask",
    "/labels",
    "/mirrors",
    "/notifications",
    "/workers",
  ];
}

test(
  "no page has a fault that axe finds while what it shows is read, and none where that fails",
  { tag: "@long" },
  async ({ page, productAddress }) => {
    test.setTimeout(720_000);
    await page.route("**/*", fetchWithoutData);
    const open: Route[] = [];
    for (const address of await listAddresses(productAddress)) {
      await test.step(`${address} while it loads`, async () => {
        await page.route(/\/trpc\//, (route) => void open.push(route));
        await page.goto(address);
        const waits = page.locator("main [aria-busy=true], main .animate-pulse");
        await expect(waits.or(page.locator("main h1")).first()).toBeVisible();
        await checkMain(page, `${address} while it loads`);
      });
      await test.step(`${address} where nothing is read`, async () => {
        await page.unroute(/\/trpc\//);
        await page.route(/\/trpc\//, refuse);
        await Promise.all(open.splice(0).map((route) => refuse(route).catch(() => undefined)));
        await page.goto(address);
        const waits = page.locator("main [aria-busy=true], main .animate-pulse");
        await expect.soft(waits, `${address} waits for ever`).toHaveCount(0);
        const said = page.locator("main").getByRole("alert").or(page.locator("main h1"));
        await expect(said.first()).toBeVisible();
        await checkMain(page, `${address} where nothing is read`);
        await page.unroute(/\/trpc\//);
      });
    }
  },
);

test("what could not be read is said with the reason and a way to ask again", async ({ page }) => {
  await page.route("**/*", fetchWithoutData);
  await page.route(/\/trpc\//, refuse);
  await page.goto("/runs");
  const alert = page.getByRole("alert").filter({ hasText: "The runs could not be read" });
  await expect(alert).toContainText("The example of a failure.");
  await page.unroute(/\/trpc\//);
  await alert.getByRole("button", { name: "Try again" }).click();
  await expect(page.locator("tr[data-run]").first()).toBeVisible();
  await expect(alert).toHaveCount(0);
});

test(
  "a page whose server is away can be read on a phone, and in test:long in every look",
  { tag: "@looks" },
  async ({ page }) => {
    test.setTimeout(240_000);
    const sockets = new Set<WebSocketRoute>();
    let isAway = false;
    await page.routeWebSocket(/\/trpc-ws/, (socket) => {
      // Not at once: a routed socket that is closed before it opens tells the page of no error.
      if (isAway) return void setTimeout(() => void socket.close(), 200);
      socket.connectToServer();
      sockets.add(socket);
    });
    await page.route(/\/trpc\//, (route) => (isAway ? route.abort() : route.fallback()));
    await openRun(page, RECORDED.training);
    await expect(page.locator('[data-chart="reward"] [data-curve]').first()).toBeVisible();
    isAway = true;
    for (const socket of sockets) await socket.close();
    await expect(page.locator("[data-away]")).toBeVisible();
    await checkMain(page, "a run while the server is away");
    isAway = false;
    await expect(page.locator("[data-away]")).toHaveCount(0);
  },
);
