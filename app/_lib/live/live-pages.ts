import type { InfiniteData, Query, QueryClient } from "@tanstack/react-query";

interface Row {
  id: string;
}

/** A page of a list that is read by cursors: the rows behind the place at which it begins. */
export interface ListPage {
  rows: readonly Row[];
  /** Where the next page begins; null: there is none. */
  nextCursor: string | null;
}

type Pages = InfiniteData<ListPage, unknown>;

/** New rows before the ones that are there: so many pages of them are read at most before the whole list is read again. */
const MOST_PAGES_AHEAD = 10;

/**
 * What a list's query says of its rows (`meta` of its options): the attribute that holds a drawn row's id. Of a list of
 * several pages an event then has only those read again that are in sight, the first and, as it may grow, the last.
 */
export const buildListMeta = (rowAttribute: `data-${string}`) => ({ rowAttribute });

const readRowAttribute = ({ meta }: Query): string | null =>
  typeof meta?.rowAttribute === "string" ? meta.rowAttribute : null;

/** Whether a query is a list that is shown, of several pages, of which not all need be read again. */
export const isReadByPages = (query: Query): boolean =>
  readRowAttribute(query) !== null &&
  query.isActive() &&
  ((query.state.data as Pages | undefined)?.pages.length ?? 0) > 1;

/** Ids of the rows that the window shows. */
function listIdsInSight(attribute: string): Set<string> {
  const shown = [...document.querySelectorAll(`[${attribute}]`)].filter((element) => {
    const { top, bottom, height } = element.getBoundingClientRect();
    // What the width of the window hides has no height.
    return height > 0 && bottom > 0 && top < window.innerHeight;
  });
  return new Set(shown.map((element) => element.getAttribute(attribute) ?? ""));
}

/**
 * A page with what was read of it anew. Rows that came push others out of the answer, not out of the page, so that it
 * grows and the next one still begins behind it.
 *
 * @returns null where rows left the page, or so many came that what lies between is not known
 */
export function mergePage(page: ListPage, fresh: ListPage): ListPage | null {
  // The end of the list: everything behind the place was read, or at least a page.
  if (page.nextCursor === null) return fresh;
  const read = new Set(fresh.rows.map(({ id }) => id));
  const last = page.rows.findLastIndex(({ id }) => read.has(id));
  const isWhole = page.rows.slice(0, last + 1).every(({ id }) => read.has(id));
  if (last < 0 || !isWhole || fresh.nextCursor === null) return null;
  return {
    ...fresh,
    rows: [...fresh.rows, ...page.rows.slice(last + 1)],
    nextCursor: page.nextCursor,
  };
}

/** Pages with those that were read anew, by number. @returns null where the whole list must be read again */
export function mergePages(
  pages: readonly ListPage[],
  fresh: ReadonlyMap<number, ListPage>,
): ListPage[] | null {
  const merged = pages.map((page, number) => {
    const read = fresh.get(number);
    return read ? mergePage(page, read) : page;
  });
  const ids = new Set<string>();
  let rows = 0;
  for (const page of merged) {
    if (page === null) return null;
    rows += page.rows.length;
    for (const { id } of page.rows) ids.add(id);
  }
  // A row that stands twice has moved from one page to another.
  return ids.size === rows ? (merged as ListPage[]) : null;
}

/** Reads again what is in sight of a list (see `isReadByPages`); all of it where that does not tell how it is now. */
export async function readPagesInSight(queryClient: QueryClient, query: Query): Promise<void> {
  const before = query.state.data as Pages;
  // What fails is left to the query, which tries again and says so.
  const merged = await readAgain(queryClient, query, before).catch(() => null);
  const now = query.state.data as Pages | undefined;
  // Another page may have come meanwhile: it stays.
  const isAsBefore = before.pages.every((page, number) => page === now?.pages[number]);
  if (merged && now && isAsBefore)
    queryClient.setQueryData<Pages>(query.queryKey, {
      ...now,
      pages: [...merged, ...now.pages.slice(merged.length)],
    });
  else await queryClient.invalidateQueries({ queryKey: query.queryKey, exact: true });
}

async function readAgain(
  queryClient: QueryClient,
  { queryKey, meta, options: { queryFn } }: Query,
  { pages, pageParams }: Pages,
): Promise<ListPage[] | null> {
  if (typeof queryFn !== "function") return null;
  const { signal } = new AbortController();
  // The context of an infinite query's function, which its type does not tell apart.
  const read = queryFn as (context: object) => Promise<ListPage>;
  const readFrom = async (pageParam: unknown): Promise<ListPage> =>
    read({ client: queryClient, queryKey, meta, signal, pageParam, direction: "forward" });
  const inSight = listIdsInSight(String(meta?.rowAttribute));
  const numbers = pages.flatMap(({ rows, nextCursor }, number) =>
    number === 0 || nextCursor === null || rows.some(({ id }) => inSight.has(id)) ? [number] : [],
  );
  const fresh = await Promise.all(
    numbers.map(async (number) => {
      const page = await readFrom(pageParams[number]);
      return [number, number === 0 ? await readOn(page, pages[0]!, readFrom) : page] as const;
    }),
  );
  return mergePages(pages, new Map(fresh));
}

/** Reads on from the begin of a list until a row that was there comes. */
async function readOn(
  begin: ListPage,
  known: ListPage,
  readFrom: (cursor: string) => Promise<ListPage>,
): Promise<ListPage> {
  const ids = new Set(known.rows.map(({ id }) => id));
  let page = begin;
  for (let ahead = 0; ahead < MOST_PAGES_AHEAD; ahead++) {
    if (page.nextCursor === null || page.rows.some(({ id }) => ids.has(id))) break;
    const next = await readFrom(page.nextCursor);
    page = { ...begin, rows: [...page.rows, ...next.rows], nextCursor: next.nextCursor };
  }
  return page;
}
