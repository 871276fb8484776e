import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { configure, render } from "@testing-library/react";
import { createTRPCClient, TRPCClientError, type TRPCLink } from "@trpc/client";
import { observable } from "@trpc/server/observable";
import type { inferRouterInputs, inferRouterOutputs } from "@trpc/server";
import {
  AppRouterContext,
  type AppRouterInstance,
} from "next/dist/shared/lib/app-router-context.shared-runtime";
import {
  PathnameContext,
  SearchParamsContext,
} from "next/dist/shared/lib/hooks-client-context.shared-runtime";
import { useEffect, useMemo, useState, type ReactNode } from "react";
import { vi } from "vitest";
import { TRPCProvider } from "@/app/_lib/live/trpc";
import { ToastProvider } from "@/app/_ui/toast";
import { dialogParts } from "@/app/_ui/dialog";
import { helpParts } from "@/app/_ui/help-popover";
import { menuParts } from "@/app/_ui/menu";
import { tooltipParts } from "@/app/_ui/tooltip";
import type { AppRouter } from "@/server/trpc/router";
import { stubLayout } from "./stub-layout";

// A busy machine takes its time.
configure({ asyncUtilTimeout: 20_000 });
// Loaded before anything is drawn, so that what opens stands there at once.
await Promise.all([dialogParts.load(), helpParts.load(), menuParts.load(), tooltipParts.load()]);

type Inputs = inferRouterInputs<AppRouter>;
type Outputs = inferRouterOutputs<AppRouter>;
type ProcedurePath = {
  [R in keyof Outputs]: `${R}.${Extract<keyof Outputs[R], string>}`;
}[keyof Outputs];

/**
 * What the server answers, by procedure ("runs.list"). A procedure without an answer fails, as does an answer that
 * throws.
 */
export type Answers = {
  [Path in ProcedurePath]?: Path extends `${infer R}.${infer P}`
    ? R extends keyof Outputs
      ? P extends keyof Outputs[R] & keyof Inputs[R]
        ? (input: Inputs[R][P]) => Outputs[R][P]
        : never
      : never
    : never;
};

const createMemoryLink =
  (answers: Answers): TRPCLink<AppRouter> =>
  () =>
  ({ op }) =>
    observable((observer) => {
      try {
        const answer = answers[op.path as ProcedurePath] as
          ((input: unknown) => unknown) | undefined;
        if (!answer) throw new Error(`${op.path} was not expected`);
        observer.next({ result: { type: "data", data: answer(op.input) } });
        observer.complete();
      } catch (error) {
        observer.error(TRPCClientError.from(error as Error));
      }
    });

/**
 * Draws a part of a page with all that the layout gives it: queries and mutations answered from memory, an address that
 * follows the router, tooltips and messages. `visited` lists the addresses that were pushed; `queryClient` holds what was
 * read.
 */
export function renderPage(ui: ReactNode, answers: Answers = {}, address = "/") {
  stubLayout();
  window.history.replaceState(null, "", address);
  const visited: string[] = [];
  const queryClient = new QueryClient({ defaultOptions: { queries: { retry: false } } });
  const trpcClient = createTRPCClient<AppRouter>({ links: [createMemoryLink(answers)] });
  const view = render(ui, {
    wrapper: ({ children }) => (
      <Layout visited={visited} queryClient={queryClient}>
        <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
          {children}
        </TRPCProvider>
      </Layout>
    ),
  });
  return { ...view, visited, queryClient };
}

function Layout({
  visited,
  queryClient,
  children,
}: {
  visited: string[];
  queryClient: QueryClient;
  children: ReactNode;
}) {
  const [search, setSearch] = useState(() => window.location.search);
  // The framework follows the browser's history too.
  useEffect(() => {
    const spy = vi.spyOn(window.history, "replaceState").mockImplementation((...change) => {
      History.prototype.replaceState.apply(window.history, change);
      setSearch(window.location.search);
    });
    return () => spy.mockRestore();
  }, []);
  const router = useMemo<AppRouterInstance>(() => {
    const open = (href: string): void => window.history.replaceState(null, "", href);
    return {
      replace: open,
      push: (href) => {
        visited.push(href);
        open(href);
      },
      back: () => undefined,
      forward: () => undefined,
      refresh: () => undefined,
      prefetch: () => undefined,
      bfcacheId: "test",
    };
  }, [visited]);
  const params = useMemo(() => new URLSearchParams(search), [search]);
  return (
    <AppRouterContext value={router}>
      <PathnameContext value={window.location.pathname}>
        <SearchParamsContext value={params}>
          <QueryClientProvider client={queryClient}>
            <ToastProvider>{children}</ToastProvider>
          </QueryClientProvider>
        </SearchParamsContext>
      </PathnameContext>
    </AppRouterContext>
  );
}
