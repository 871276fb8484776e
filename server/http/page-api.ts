import { callTRPCProcedure, TRPCError } from "@trpc/server";
import type { PageApi } from "@/contracts/api/page-api";
import type { Access } from "./access";
import { appRouter } from "@/server/trpc/router";
import type { Services } from "@/server/trpc/services";

/** The API for pages while they are made. Whoever is let in by the request's headers, and nobody else, is answered. */
export const createPageApi = (services: Services, access: Access): PageApi => ({
  async query(path, input, headers) {
    const actor = access.identify(headers);
    if (actor === null) throw new TRPCError({ code: "UNAUTHORIZED" });
    const data: unknown = await callTRPCProcedure({
      router: appRouter,
      path,
      type: "query",
      getRawInput: () => Promise.resolve(input),
      ctx: { services, actor },
      signal: undefined,
      batchIndex: 0,
    });
    return data;
  },
  readLivePosition: () => services.liveEvents.readPosition(),
});
