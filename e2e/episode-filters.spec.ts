import type { Client } from "@/cli/lib/client";
import { EPISODE_MEASURES, EPISODE_SORTS, TEXT_PLACES } from "@/contracts/api/episode-list-values";
import type { EpisodeSort } from "@/contracts/api/episodes";
import { listEpisodeDocuments } from "@/contracts/records/episode";
import {
  expectEpisodes,
  expectParams,
  findRows,
  withEpisodes,
  type EpisodeRow,
} from "./support/episode-list";
import { expect, RECORDED, test } from "./support/product";

/**
 * Ranges, texts and orders of a training's list of episodes, which is longer than what is drawn of it; outcomes are in
 * episode-outcomes.spec.ts. What must be listed is computed from all its episodes, as the API lists them without a filter.
 */

test("every measure has a range that filters a training's episodes", async ({
  page,
  productAddress,
}) => {
  await withEpisodes({ page, productAddress }, RECORDED.training, async (all) => {
    await expectEpisodes(page, all);
    await page.getByRole("button", { name: "Ranges" }).click();
    for (const measure of EPISODE_MEASURES)
      await test.step(measure, async () => {
        const values = [...new Set(all.flatMap((row) => row[measure] ?? []))].sort((a, b) => a - b);
        // The middle third of the values, or the greatest of two.
        const [least, most] = (values.length > 2 ? [1 / 3, 2 / 3] : [1 / 2, 1 / 2]).map(
          (share) => values[Math.floor(share * values.length)]!,
        ) as [number, number];
        const chosen = all.filter((row) => {
          const value = row[measure];
          return value !== null && value >= least && value <= most;
        });
        expect([chosen.length > 0, chosen.length < all.length]).toEqual([true, true]);
        const text = least === most ? String(least) : `${least}..${most}`;
        const field = page.getByRole("textbox", { name: measure });
        await field.fill(text);
        await field.press("Enter");
        await expectEpisodes(page, chosen);
        await expectParams(page, { [measure]: text });
        await page.getByRole("button", { name: `Remove the filter of ${measure}` }).click();
        await expectParams(page, { [measure]: null });
      });
    await expectEpisodes(page, all);
  });
});

const splitWords = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u);

type Place = (typeof TEXT_PLACES)[number];

/** The words of an episode in each place that a text is searched in. */
async function fetchWords(client: Client, row: EpisodeRow): Promise<Record<Place, string[]>> {
  const { record, documents } = await client.episodes.get.query({ id: row.id });
  const queries = record.episode.steps.flatMap((one) => (one.kind === "retrieve" ? one.query : []));
  const hashes = new Set(listEpisodeDocuments(record.episode).map(({ hash }) => hash));
  const texts = [...hashes].map((hash) => `${documents[hash]?.title} ${documents[hash]?.text}`);
  return {
    question: splitWords(row.question),
    answer: splitWords(row.answer ?? ""),
    queries: splitWords(queries.join(" ")),
    documents: [...new Set(splitWords(texts.join(" ")))],
  };
}

test("a text is searched in the place that is chosen, of all that an episode holds", async ({
  page,
  productAddress,
}) => {
  await withEpisodes({ page, productAddress }, RECORDED.training, async (all, client) => {
    const words = new Map<string, Record<Place, string[]>>();
    const atOnce = 20;
    for (let start = 0; start < all.length; start += atOnce)
      await Promise.all(
        all
          .slice(start, start + atOnce)
          .map(async (row) => words.set(row.id, await fetchWords(client, row))),
      );
    const find = (word: string, places: readonly Place[]): EpisodeRow[] =>
      all.filter(({ id }) =>
        places.some((place) => words.get(id)![place].some((each) => each.startsWith(word))),
      );
    // A word of some answers, and of other queries and documents: no place may be taken for another.
    const word = [...new Set([...words.values()].flatMap(({ answer }) => answer))]
      .filter((each) => /^[a-z]{4,}$/.test(each) && find(each, ["queries"]).length > 0)
      .find((each) => {
        const places: readonly Place[][] = [
          ["answer"],
          ["queries"],
          ["documents"],
          [...TEXT_PLACES],
        ];
        const counts = places.map((some) => find(each, some).length);
        return !counts.includes(0) && new Set(counts).size === counts.length;
      });
    if (word === undefined) throw new Error("no word stands in every place of other episodes");

    await page.locator("[data-episode-search]").fill(word);
    await expectEpisodes(page, find(word, TEXT_PLACES));
    await expectParams(page, { q: word, in: null });
    for (const place of TEXT_PLACES) {
      await page.getByLabel("Where the text is searched").selectOption(place);
      await expectEpisodes(page, find(word, [place]));
      await expectParams(page, { q: word, in: place });
    }
  });
});

const readKey = (row: EpisodeRow, sort: EpisodeSort): number | string | null =>
  sort === "recorded" ? 0 : sort === "format-errors" ? row.formatErrors.length : row[sort];

/** All episodes in an order: those without a value last, equal ones by when they were reported. */
function sortEpisodes(all: readonly EpisodeRow[], sort: EpisodeSort, isRising: boolean) {
  const sign = isRising ? 1 : -1;
  return (isRising ? all.toReversed() : [...all]).sort((a, b) => {
    const [one, other] = [readKey(a, sort), readKey(b, sort)];
    if (one === other) return 0;
    if (one === null || other === null) return one === null ? 1 : -1;
    return one < other ? -sign : sign;
  });
}

test("episodes are brought into every order, down and up", async ({ page, productAddress }) => {
  const expectOrders = async (
    all: readonly EpisodeRow[],
    sorts: readonly EpisodeSort[],
  ): Promise<void> => {
    for (const sort of sorts)
      await test.step(sort, async () => {
        await page.getByLabel("Order of the episodes").selectOption(sort);
        await expectEpisodes(page, sortEpisodes(all, sort, false));
        await page.getByRole("button", { name: "Descending: turn it round" }).click();
        await expectEpisodes(page, sortEpisodes(all, sort, true));
        await expectParams(page, {
          sort: sort === "recorded" ? null : sort,
          direction: "ascending",
        });
      });
  };
  // The training's episodes have no format errors.
  const ofErrors: readonly EpisodeSort[] = ["format-errors"];
  await withEpisodes({ page, productAddress }, RECORDED.training, (all) =>
    expectOrders(
      all,
      EPISODE_SORTS.filter((sort) => !ofErrors.includes(sort)),
    ),
  );
  await withEpisodes({ page, productAddress }, "Atlas held-out, IRCoT", (all) => {
    expect(new Set(all.map(({ formatErrors }) => formatErrors.length)).size).toBeGreaterThan(2);
    return expectOrders(all, ofErrors);
  });
});

test("of a long list the rows near the screen are drawn, and the arrow keys go on from row to row", async ({
  page,
  productAddress,
}) => {
  await withEpisodes({ page, productAddress }, RECORDED.training, async (all) => {
    await expectEpisodes(page, all);
    const readFocused = (): Promise<string | null> =>
      page.evaluate(
        () =>
          document.activeElement?.closest("[data-episode]")?.getAttribute("data-episode") ?? null,
      );
    /** Held down, a key comes again and again. */
    const press = async (key: string, times: number): Promise<void> => {
      for (let i = 0; i < times; i++) await page.keyboard.down(key);
      await page.keyboard.up(key);
    };
    /** Waits until the episode at a place of the list, from 0, has the focus, is in sight, and is one of a part that is drawn. */
    const expectAt = async (place: number): Promise<void> => {
      await expect.poll(readFocused).toBe(all[place]!.id);
      await expect(page.locator(`tr[data-episode="${all[place]!.id}"]`)).toBeInViewport();
      await expect.poll(() => findRows(page).count()).toBeLessThan(0.7 * all.length);
    };
    await press("ArrowDown", 1);
    await expectAt(0);
    await press("ArrowDown", 2);
    await press("ArrowUp", 1);
    await expectAt(1);
    // Far beyond what was drawn first, and read with the first page.
    await press("ArrowDown", 60);
    await expectAt(61);
    await page.keyboard.press("Enter");
    await expect(page).toHaveURL(new RegExp(`/episodes/${all[61]!.id}`));

    await page.goBack();
    const last = page.locator(`tr[data-episode="${all.at(-1)!.id}"]`);
    await expect
      .poll(async () => {
        await findRows(page)
          .last()
          .evaluate((row) => row.scrollIntoView());
        return last.count();
      })
      .toBe(1);
    await expect.poll(() => findRows(page).count()).toBeLessThan(0.7 * all.length);
    await expect(page.locator(`tr[data-episode="${all[0]!.id}"]`)).toHaveCount(0);
  });
});
