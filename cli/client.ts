import {
  createTRPCClient,
  createWSClient,
  httpLink,
  splitLink,
  TRPCClientError,
  wsLink,
  type TRPCClient,
} from "@trpc/client";
import superjson from "superjson";
import WebSocket from "ws";
import { AppError } from "@/contracts/errors";
import type { AppRouter } from "@/server/trpc/router";

export type Client = TRPCClient<AppRouter>;

export interface Connection {
  client: Client;
  server: string;
  close: () => void;
}

/** Connects to the server; nothing is sent before the first call. */
export function connect(server: string): Connection {
  const url = new URL(server);
  const socket = createWSClient({
    url: Object.assign(new URL("/trpc-ws", url), {
      protocol: url.protocol === "https:" ? "wss:" : "ws:",
    }).toString(),
    // tRPC is typed against the browser's WebSocket.
    WebSocket: WebSocket as unknown as typeof globalThis.WebSocket,
    lazy: { enabled: true, closeMs: 0 },
  });
  const client = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === "subscription",
        true: wsLink({ client: socket, transformer: superjson }),
        false: httpLink({ url: new URL("/trpc", url).toString(), transformer: superjson }),
      }),
    ],
  });
  return { client, server, close: () => void socket.close() };
}

/** Finds a run by its id or the beginning of it. @throws AppError where no run, or several, begin so */
export async function findRun(client: Client, prefix: string): Promise<string> {
  const { rows } = await client.runs.list.query({ text: prefix, limit: 200 });
  const ids = rows.filter((row) => row.id.startsWith(prefix.toLowerCase())).map((row) => row.id);
  const [id] = ids;
  if (id === undefined)
    throw new AppError(
      "not-found",
      `There is no run whose id begins with "${prefix}". \`npm run s3 -- list\` shows them.`,
    );
  if (ids.length > 1)
    throw new AppError(
      "invalid-input",
      `Several runs begin with "${prefix}": ${ids.slice(0, 5).join(", ")}. Give more of the id.`,
    );
  return id;
}

/** Whether nothing answered: an error of the server carries its data, any other failure of a call has none. */
export const isNoAnswer = (error: unknown): error is TRPCClientError<AppRouter> =>
  error instanceof TRPCClientError && (error.data === undefined || error.data === null);

/** Describes a failed command to a person. */
export function describeFailure(error: unknown, server: string): string {
  if (isNoAnswer(error))
    return `Nothing answers at ${server} (${error.message}). Start it with \`npm start\`, or set S3_SERVER to its address.`;
  return error instanceof Error ? error.message : String(error);
}
