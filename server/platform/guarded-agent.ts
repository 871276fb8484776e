import { Agent } from "undici";
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

/** For requests of the server to addresses that people gave. */
export const guardedAgent = new Agent({ connect: { lookup: guardedLookup } });
