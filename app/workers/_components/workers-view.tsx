"use client";
import { useQuery } from "@tanstack/react-query";
import { Plug } from "lucide-react";
import { useText } from "@/app/_i18n/text-provider";
import { useDialogParam } from "@/app/_lib/hooks/use-params";
import { isAwaited } from "@/app/_lib/live/is-awaited";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { EmptyState, QueryErrorState, Skeleton } from "@/app/_ui/states";
import { AttachDialog } from "./attach-dialog";
import { Keys } from "./keys";
import { Pools } from "./pools";
import { Tokens } from "./tokens";
import { WorkerCard } from "./worker-card";

const DIALOGS = ["attach"] as const;

/** Attached workers, pools that start some, tokens, and the API keys of model endpoints. */
export function WorkersView() {
  const t = useText();
  const trpc = useTRPC();
  const query = useQuery(trpc.workers.list.queryOptions(undefined, { refetchInterval: 10_000 }));
  // The lists below come together: one that came later would push the next away.
  const lists = [
    useQuery(trpc.pools.list.queryOptions()),
    useQuery(trpc.workers.tokens.queryOptions()),
    useQuery(trpc.keys.list.queryOptions()),
  ];
  const isPending = query.isPending || lists.some(isAwaited);
  const [open, setOpen] = useDialogParam(DIALOGS);
  const attach = (
    <Button variant="primary" onClick={() => setOpen("attach")}>
      <Plug /> {t("Attach a worker")}
    </Button>
  );
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Workers")}</h1>
        {attach}
      </header>
      <div className="mt-4 space-y-4">
        {query.isPending ? (
          <Skeleton className="h-80" />
        ) : query.isError ? (
          <QueryErrorState title={t("The workers could not be read")} query={query} />
        ) : query.data.length === 0 ? (
          <EmptyState title={t("No worker is attached")} action={attach}>
            {t(
              "Runs wait until one is. The server starts a worker of this machine by itself; others attach with a token, over a connection that they open.",
            )}
          </EmptyState>
        ) : (
          query.data.map((worker) => <WorkerCard key={worker.id} worker={worker} />)
        )}
      </div>
      {isPending ? (
        <Skeleton className="mt-6 h-38" />
      ) : (
        <>
          <Pools />
          <Tokens />
          <Keys />
        </>
      )}
      <AttachDialog
        open={open === "attach"}
        onOpenChange={(isOpen) => setOpen(isOpen ? "attach" : null)}
      />
    </>
  );
}
