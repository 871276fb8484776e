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
import { LOOPBACK_NAMES } from "@/lib/loopback";
import { AppError } from "@/contracts/errors";
import { readAccessSecret } from "@/lib/access.mjs";
import { DATA_DIR } from "@/lib/paths.mjs";
import type { AppRouter } from "@/server/trpc/router";

export type Client = TRPCClient<AppRouter>;

/** A server, and what it wants of those who ask. */
export interface Connection {
  client: Client;
  /** Address of the server, without the secret. */
  server: string;
  secret: string | null;
  /** What a request needs to be let in. */
  headers: Record<string, string>;
  close: () => void;
}

/**
 * The secret that a server wants: of its address (`?token=`), of S3_TOKEN, or, where the server is this machine's, of the
 * data folder. That one is sent to no other machine.
 */
function findSecret({ searchParams, hostname }: URL): string | null {
  const given = searchParams.get("token") ?? process.env.S3_TOKEN;
  if (given) return given;
  return LOOPBACK_NAMES.has(hostname) ? readAccessSecret(DATA_DIR) : null;
}

/** Connects to the server at an address, with or without `?token=`; nothing is sent before the first call. */
export function connect(address: string): Connection {
  const url = new URL(address);
  const secret = findSecret(url);
  const headers: Record<string, string> =
    secret === null ? {} : { authorization: `Bearer ${secret}` };
  class AuthorizedWebSocket extends WebSocket {
    constructor(socketUrl: string, protocols?: string[]) {
      super(socketUrl, protocols, { headers });
    }
  }
  const socket = createWSClient({
    url: Object.assign(new URL("/trpc-ws", url), {
      protocol: url.protocol === "https:" ? "wss:" : "ws:",
    }).toString(),
    // tRPC is typed against the browser's WebSocket.
    WebSocket: AuthorizedWebSocket as unknown as typeof globalThis.WebSocket,
    lazy: { enabled: true, closeMs: 0 },
  });
  const client = createTRPCClient<AppRouter>({
    links: [
      splitLink({
        condition: (operation) => operation.type === "subscription",
        true: wsLink({ client: socket, transformer: superjson }),
        false: httpLink({
          url: new URL("/trpc", url).toString(),
          headers,
          transformer: superjson,
        }),
      }),
    ],
  });
  return { client, server: url.origin, secret, headers, close: () => void socket.close() };
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
