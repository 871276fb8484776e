import { isIP } from "node:net";
import { Agent, fetch, type RequestInit, type Response } from "undici";
import { AppError } from "@/contracts/errors";
import {
  createGuardedLookup,
  createNetworkCheck,
  OWN_NETWORKS,
  PRIVATE_NETWORKS,
  type Networks,
} from "@/lib/guarded-lookup";

const MAX_REDIRECTS = 10;

const isPrivate = createNetworkCheck(PRIVATE_NETWORKS);

const buildRefusal = (host: string, address: string): AppError =>
  new AppError(
    "unauthorized",
    `${host} (${address}) is of this machine or its own network, and is not fetched from: a redirection, or a name that could mean any machine, led there. If it is meant, give its address itself, e.g. http://127.0.0.1:8000/...`,
  );

// Time-outs are the callers': what is fetched may be large and slow.
const createAgent = (refused: Networks): Agent =>
  new Agent({
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: { lookup: createGuardedLookup(refused, buildRefusal) },
  });
const givenAgent = createAgent(OWN_NETWORKS);
const redirectedAgent = createAgent(PRIVATE_NETWORKS);

/**
 * As `fetch`, with redirections followed, but none that leads to services of this machine or its network: what is
 * fetched is chosen by whoever launches a run, and where it redirects by whoever runs that server. The address that was
 * given may itself be of the network, or by number or as localhost of the machine, and redirect within its own origin.
 * Headers of the request go to that origin alone.
 *
 * @throws AppError "unauthorized" for a redirection that is refused, "invalid-input" for more than ten
 */
export async function fetchGuarded(
  url: string,
  init: Omit<RequestInit, "headers" | "redirect" | "dispatcher"> & {
    headers?: Record<string, string>;
  },
  /** Headers that are no secret. */
  plainHeaders: Record<string, string> = {},
): Promise<Response> {
  const { origin } = new URL(url);
  let target = new URL(url);
  for (let hop = 0; hop <= MAX_REDIRECTS; hop++) {
    const isOwn = target.origin === origin;
    const host = target.hostname.replace(/^\[|\]$/g, "");
    // A literal address is not looked up, and localhost is itself.
    if (!isOwn && (/(^|\.)localhost$/i.test(host) || (isIP(host) !== 0 && isPrivate(host))))
      throw buildRefusal(host, host);
    const response = await fetch(target, {
      ...init,
      headers: isOwn ? { ...plainHeaders, ...init.headers } : plainHeaders,
      redirect: "manual",
      dispatcher: isOwn ? givenAgent : redirectedAgent,
    }).catch((error: unknown) => {
      throw findRefusal(error) ?? error;
    });
    const location = response.headers.get("location");
    if (response.status < 300 || response.status > 399 || location === null) return response;
    await response.body?.cancel();
    if (!URL.canParse(location, target)) throw new Error(`redirected to no address: ${location}`);
    target = new URL(location, target);
    if (!/^https?:$/.test(target.protocol))
      throw new AppError(
        "unauthorized",
        `${url} redirects to ${target.protocol}, which is not followed.`,
      );
  }
  throw new AppError("invalid-input", `${url} redirects more than ${MAX_REDIRECTS} times.`);
}

/** `fetch` hides the reason in its cause. */
function findRefusal(error: unknown): AppError | null {
  if (error instanceof AppError) return error;
  return error instanceof Error && error.cause !== undefined ? findRefusal(error.cause) : null;
}
