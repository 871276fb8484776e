import { join } from "node:path";
import {
  createTRPCClient,
  createWSClient,
  httpLink,
  splitLink,
  TRPCClientError,
  wsLink,
  type TRPCClient,
} from "@trpc/client";
import { transformer } from "@/contracts/api/transformer";
import WebSocket from "ws";
import { isLoopbackName } from "@/contracts/formats/loopback";
import { AppError } from "@/contracts/errors";
import { readAccessSecret } from "@/lib/access.mjs";
import { readHeldLock } from "@/lib/lock.mjs";
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

/** Address of the server that `npm start` runs on the data folder; null where none runs. */
const readRunningAddress = (): string | null =>
  readHeldLock(join(DATA_DIR, "supervisor.lock"))?.url ?? null;

/**
 * The secret that a server wants: of its address (`?token=`), of S3_TOKEN, or of the data folder. That one is sent to
 * this machine only, and, where the folder's server runs, to no other.
 */
function findSecret({ searchParams, hostname, port }: URL, running: string | null): string | null {
  const given = searchParams.get("token") ?? process.env.S3_TOKEN;
  if (given) return given;
  const isOther = running !== null && new URL(running).port !== port;
  return isLoopbackName(hostname) && !isOther ? readAccessSecret(DATA_DIR) : null;
}

/**
 * Connects to a server; nothing is sent before the first call.
 * @param address with or without `?token=`; by default that of the data folder's server
 */
export function connect(address?: string): Connection {
  const running = readRunningAddress();
  const url = new URL(address || running || "http://127.0.0.1:3000");
  const secret = findSecret(url, running);
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
        true: wsLink({ client: socket, transformer }),
        false: httpLink({
          url: new URL("/trpc", url).toString(),
          headers,
          transformer,
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
  return chooseByPrefix(ids, prefix, "run", "list");
}

/** The one id that begins so. @param list the command that lists them @throws AppError where none, or several, begin so */
export function chooseByPrefix(
  ids: readonly string[],
  prefix: string,
  noun: string,
  list: string,
): string {
  const [id] = ids;
  if (id === undefined)
    throw new AppError(
      "not-found",
      `There is no ${noun} whose id begins with "${prefix}". \`npm run s3 -- ${list}\` shows them.`,
    );
  if (ids.length > 1)
    throw new AppError(
      "invalid-input",
      `Several ${noun}s begin with "${prefix}": ${ids.slice(0, 5).join(", ")}. Give more of the id.`,
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
