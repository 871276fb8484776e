import type { Dispatcher, RequestInit, Response } from "undici";
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

let opened: Promise<{ undici: typeof import("undici"); dispatcher: Dispatcher }> | undefined;

/** The library comes with the first request: most servers make none, and it takes 3 MB of the heap. */
const open = async () => {
  const undici = await import("undici");
  return { undici, dispatcher: new undici.Agent({ connect: { lookup: guardedLookup } }) };
};

/** A request of the server to an address that a person gave. */
export async function fetchGuarded(url: string, init: RequestInit): Promise<Response> {
  const { undici, dispatcher } = await (opened ??= open());
  return undici.fetch(url, { ...init, dispatcher });
}

/** The same without the headers by which a server takes its client for a browser; no redirection is followed. */
export async function requestGuarded(
  url: string,
  options: Pick<Dispatcher.RequestOptions, "method" | "headers" | "body" | "signal">,
): Promise<Dispatcher.ResponseData> {
  const { undici, dispatcher } = await (opened ??= open());
  return undici.request(url, { ...options, dispatcher });
}
