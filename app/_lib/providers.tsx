"use client";
import { QueryClientProvider } from "@tanstack/react-query";
import { createTRPCClient, createWSClient, httpBatchLink, splitLink, wsLink } from "@trpc/client";
import { setNonce } from "get-nonce";
import { ThemeProvider } from "next-themes";
import { useState, type ReactNode } from "react";
import { transformer } from "@/contracts/api/transformer";
import type { AppRouter } from "@/server/trpc/router";
import { ToastProvider } from "@/app/_ui/toast";
import { LiveProvider } from "./live/live";
import { FreshQueryClient } from "./live/query-client";
import { TRPCProvider } from "./live/trpc";

/** Whether a retry cannot help: the input was refused, or what was asked for does not exist. */
const isFinal = (error: unknown): boolean => {
  const data = (error as { data?: { httpStatus?: number } | null }).data;
  return typeof data?.httpStatus === "number" && data.httpStatus < 500;
};

function createClients() {
  const queryClient = new FreshQueryClient({
    defaultOptions: {
      queries: {
        staleTime: 10_000,
        retry: (count, error) => !isFinal(error) && count < 3,
        refetchOnWindowFocus: false,
      },
    },
  });
  const origin = typeof window === "undefined" ? "http://localhost" : window.location.origin;
  const socket = createWSClient({
    url: `${origin.replace(/^http/, "ws")}/trpc-ws`,
    lazy: { enabled: true, closeMs: 0 },
    keepAlive: { enabled: true, intervalMs: 20_000, pongTimeoutMs: 5_000 },
  });
  const trpcClient = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (op) => op.type === "subscription",
        true: wsLink({ client: socket, transformer }),
        false: httpBatchLink({ url: `${origin}/trpc`, transformer, maxURLLength: 8000 }),
      }),
    ],
  });
  return { queryClient, trpcClient };
}

interface ProvidersProps {
  nonce?: string;
  /** The live event up to which the data is that the page brought with it; null: it brought none. */
  livePosition: string | null;
  children: ReactNode;
}

/** Everything that the pages get from above: theme, queries, server access, messages, live events. */
export function Providers({ nonce, livePosition, children }: ProvidersProps) {
  const [{ queryClient, trpcClient }] = useState(createClients);
  // The browser knows the first page's nonce only; styles that open dialogs write need it too.
  const [firstNonce] = useState(() => (setNonce(nonce ?? ""), nonce));
  return (
    <ThemeProvider
      attribute="class"
      defaultTheme="system"
      enableSystem
      disableTransitionOnChange
      nonce={firstNonce}
    >
      <QueryClientProvider client={queryClient}>
        <TRPCProvider trpcClient={trpcClient} queryClient={queryClient}>
          <ToastProvider>
            <LiveProvider position={livePosition}>{children}</LiveProvider>
          </ToastProvider>
        </TRPCProvider>
      </QueryClientProvider>
    </ThemeProvider>
  );
}
