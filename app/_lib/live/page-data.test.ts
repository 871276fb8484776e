import type { ComponentProps, ReactElement } from "react";
import { beforeEach, expect, it, vi } from "vitest";
import { providePageApi } from "@/contracts/api/page-api";
import { PageData } from "./page-data";
import { SentData } from "./sent-data";

const asked = vi.hoisted(() => ({ headers: new Headers() }));
vi.mock("next/headers", () => ({ headers: () => Promise.resolve(asked.headers) }));

const page = (): Promise<ReactElement<ComponentProps<typeof SentData>>> =>
  PageData({
    read: ({ trpc, client }) => client.prefetchQuery(trpc.home.results.queryOptions()),
    children: "page",
  });

beforeEach(() => {
  providePageApi({
    query: (path) => Promise.resolve(`answer of ${path}`),
    readLivePosition: () => Promise.resolve("1"),
  });
});

it("wraps a page alike with and without data, so that drawing it again keeps its state", async () => {
  asked.headers = new Headers({ "sec-fetch-dest": "document" });
  const opened = await page();
  expect(opened.type).toBe(SentData);
  expect(JSON.stringify((await opened.props.state)?.queries)).toContain("answer of home.results");

  asked.headers = new Headers({ "sec-fetch-dest": "empty" });
  const refreshed = await page();
  expect(refreshed.type).toBe(SentData);
  expect(refreshed.props).toEqual({ state: null, children: "page" });
});
