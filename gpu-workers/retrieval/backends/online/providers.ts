import { z } from "zod";
import type { OnlineProvider } from "@/contracts/run-config/retriever";
import { parseOrThrow } from "@/contracts/errors";
import { TransientFailure } from "@/gpu-workers/retrieval/request-retry";

/**
 * What each search service is asked and answers. One page is one request; results keep the provider's order. No key
 * stands in an address but Google's, which takes it nowhere else that it documents.
 */

/** A result as a provider ranks it. */
export const onlineResultSchema = z.object({
  url: z.string(),
  title: z.string(),
  text: z.string(),
});
export type OnlineResult = z.infer<typeof onlineResultSchema>;

/** What a page is asked with. */
export interface PageRequest {
  base: string;
  key: string | undefined;
  engineId: string | null;
  query: string;
  /** Results that are still wanted. */
  wanted: number;
  /** From 0. */
  page: number;
}

interface Provider {
  /** Most results for one query. */
  most: number;
  buildRequest(request: PageRequest): { address: URL; init: RequestInit };
  /** Reads an answer. @returns the page, and whether another one may follow */
  readPage(body: unknown, request: PageRequest): { results: OnlineResult[]; more: boolean };
}

const textSchema = z
  .string()
  .nullish()
  .transform((text) => text ?? "");
const linkSchema = z.url({ protocol: /^https?$/ });

const serperAnswerSchema = z.object({
  organic: z.array(z.object({ link: linkSchema, title: textSchema, snippet: textSchema })),
});
const googleAnswerSchema = z.object({
  kind: z.literal("customsearch#search"),
  // Absent where nothing was found.
  items: z
    .array(z.object({ link: linkSchema, title: textSchema, snippet: textSchema }))
    .default([]),
});
const tavilyAnswerSchema = z.object({
  results: z.array(z.object({ url: linkSchema, title: textSchema, content: textSchema })),
});
const searxngAnswerSchema = z.object({
  results: z.array(z.object({ url: linkSchema, title: textSchema, content: textSchema })),
  unresponsive_engines: z.array(z.array(z.unknown())).default([]),
});

/** Results of one request of Google. */
const GOOGLE_PAGE = 10;
/** Pages of SearXNG that are read for one query; how many results a page has is up to its engines. */
const SEARXNG_PAGES = 5;

const postJson = (address: string, headers: Record<string, string>, body: object) => ({
  address: new URL(address),
  init: {
    method: "POST",
    headers: { "Content-Type": "application/json", ...headers },
    body: JSON.stringify(body),
  },
});

const readLinks = (items: z.infer<typeof serperAnswerSchema>["organic"]): OnlineResult[] =>
  items.map(({ link, title, snippet }) => ({ url: link, title, text: snippet }));
const readUrls = (items: z.infer<typeof tavilyAnswerSchema>["results"]): OnlineResult[] =>
  items.map(({ url, title, content }) => ({ url, title, text: content }));

export const PROVIDERS: Readonly<Record<OnlineProvider, Provider>> = {
  serper: {
    most: 100,
    buildRequest: ({ base, key = "", query, wanted }) =>
      postJson(`${base}/search`, { "X-API-KEY": key }, { q: query, num: wanted }),
    readPage: (body) => ({
      results: readLinks(parseOrThrow(serperAnswerSchema, body, "Serper's answer").organic),
      more: false,
    }),
  },
  tavily: {
    most: 20,
    buildRequest: ({ base, key = "", query, wanted }) =>
      postJson(
        `${base}/search`,
        { Authorization: `Bearer ${key}` },
        { query, max_results: wanted, search_depth: "basic" },
      ),
    readPage: (body) => ({
      results: readUrls(parseOrThrow(tavilyAnswerSchema, body, "Tavily's answer").results),
      more: false,
    }),
  },
  "google-cse": {
    most: 100,
    buildRequest: ({ base, key = "", engineId, query, wanted, page }) => {
      const address = new URL(`${base}/customsearch/v1`);
      const parameters = { key, cx: engineId ?? "", q: query };
      for (const [name, value] of Object.entries(parameters)) address.searchParams.set(name, value);
      address.searchParams.set("num", String(Math.min(GOOGLE_PAGE, wanted)));
      address.searchParams.set("start", String(page * GOOGLE_PAGE + 1));
      return { address, init: {} };
    },
    readPage: (body, { page }) => {
      const { items } = parseOrThrow(googleAnswerSchema, body, "Google's answer");
      const more = items.length === GOOGLE_PAGE && (page + 1) * GOOGLE_PAGE < 100;
      return { results: readLinks(items), more };
    },
  },
  searxng: {
    most: 100,
    buildRequest: ({ base, query, page }) => {
      const address = new URL(`${base}/search`);
      address.searchParams.set("q", query);
      address.searchParams.set("format", "json");
      address.searchParams.set("pageno", String(page + 1));
      return { address, init: {} };
    },
    readPage: (body, { page }) => {
      const answer = parseOrThrow(searxngAnswerSchema, body, "SearXNG's answer");
      const silent = answer.unresponsive_engines.map((parts) => parts.join(": "));
      // Nobody found anything, and some did not answer: what they have is not known.
      if (answer.results.length === 0 && silent.length > 0)
        throw new TransientFailure(`its engines gave no answer (${silent.join(", ")})`);
      return {
        results: readUrls(answer.results),
        more: answer.results.length > 0 && page + 1 < SEARXNG_PAGES,
      };
    },
  },
};

/** What to do about a status that will not pass by itself. */
export function explainStatus(provider: OnlineProvider, status: number): string {
  if (provider === "searxng" && status === 403)
    return "; allow the format json in its settings.yml (search.formats), and look at its limiter";
  if (status === 401 || status === 403)
    return "; the key is missing, wrong, revoked or out of its quota";
  if (status === 432 || status === 433) return "; the plan's limit is reached";
  if (status >= 300 && status < 400) return "; redirections are not followed: give that address";
  return "";
}
