import { expect, type Locator, type Page } from "@playwright/test";
import { connect, type Client } from "@/cli/lib/client";
import { openRun, waitLive } from "./product";

/** What specs look at in a run's list of episodes. */

/** Its rows, as far as they are drawn. */
export const findRows = (page: Page): Locator => page.locator("tr[data-episode]");

/** Waits until the list says that it has so many episodes. */
export const expectCount = (page: Page, count: number): Promise<void> =>
  expect(page.locator("[data-episode-count]")).toHaveText(
    count === 1 ? "1 episode" : `${count} episodes`,
  );

/** Waits until the address has these parameters, and no others of those named. */
export async function expectParams(
  page: Page,
  params: Record<string, string | null>,
): Promise<void> {
  await expect
    .poll(() => {
      const { searchParams } = new URL(page.url());
      return Object.fromEntries(Object.keys(params).map((name) => [name, searchParams.get(name)]));
    })
    .toEqual(params);
}

export type EpisodeRow = Awaited<ReturnType<Client["episodes"]["list"]["query"]>>["rows"][number];

/** Every episode of a run as the API lists it: what was reported last comes first. */
export async function fetchEpisodes(client: Client, runId: string): Promise<EpisodeRow[]> {
  const rows: EpisodeRow[] = [];
  let cursor: string | null = null;
  do {
    const page: { rows: EpisodeRow[]; nextCursor: string | null } =
      await client.episodes.list.query({ runId, limit: 200, cursor });
    rows.push(...page.rows);
    cursor = page.nextCursor;
  } while (cursor !== null);
  return rows;
}

/** Opens the episodes of a run, and does something with all of them as the API has them. */
export async function withEpisodes(
  { page, productAddress }: { page: Page; productAddress: string },
  run: string,
  act: (all: EpisodeRow[], client: Client) => Promise<void>,
): Promise<void> {
  await openRun(page, run);
  const runId = new URL(page.url()).pathname.split("/").at(-1)!;
  await page.goto(`/runs/${runId}?tab=episodes`);
  await waitLive(page);
  const { client, close } = connect(productAddress);
  try {
    await act(await fetchEpisodes(client, runId), client);
  } finally {
    close();
  }
}

/** More rows than these need not be on the screen. */
const FIRST_ROWS = 8;

/** Waits until the list counts these episodes, and begins with the first of them. */
export async function expectEpisodes(page: Page, expected: readonly EpisodeRow[]): Promise<void> {
  await expectCount(page, expected.length);
  await expect
    .poll(() =>
      findRows(page).evaluateAll(
        (rows, most) => rows.slice(0, most).map((row) => row.getAttribute("data-episode")),
        FIRST_ROWS,
      ),
    )
    .toEqual(expected.slice(0, FIRST_ROWS).map(({ id }) => id));
}
