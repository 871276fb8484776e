import type { RequestInit, Response } from "undici";
import { AppError } from "@/contracts/errors";
import { createGuardedLookup, OWN_NETWORKS } from "@/lib/guarded-lookup";

/** Looks names up and refuses those that lead to this machine, unless its address itself was given. */
export const guardedLookup = createGuardedLookup(
  OWN_NETWORKS,
  (host, address) =>
    new AppError(
      "invalid-input",
      `${host} (${address}) is this machine. If it is meant, give its address itself, e.g. http://127.0.0.1:8000/.`,
    ),
);

let opened: Promise<(url: string, init: RequestInit) => Promise<Response>> | undefined;

const openFetch = async (): Promise<(url: string, init: RequestInit) => Promise<Response>> => {
  const { Agent, fetch } = await import("undici");
  const dispatcher = new Agent({ connect: { lookup: guardedLookup } });
  return (url, init) => fetch(url, { ...init, dispatcher });
};

/**
 * A request of the server to an address that a person gave. The library comes with the first one: most servers make none,
 * and it takes 3 MB of the heap.
 */
export async function fetchGuarded(url: string, init: RequestInit): Promise<Response> {
  opened ??= openFetch();
  return (await opened)(url, init);
}
