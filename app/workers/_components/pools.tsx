"use client";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { QueryErrorState } from "@/app/_ui/states";
import type { PoolRow } from "@/contracts/api/pools";
import { PoolCard } from "./pool-card";

/** Loaded when it is opened first: it checks what was entered by the schemas. */
const PoolDialog = dynamic(() => import("./pool-dialog").then((m) => m.PoolDialog), {
  ssr: false,
});

/** Pools of machines on which the server starts workers for runs that wait. */
export function Pools() {
  const t = useText();
  const trpc = useTRPC();
  const pools = useQuery(trpc.pools.list.queryOptions(undefined, { refetchInterval: 3_000 }));
  const [editing, setEditing] = useState<PoolRow | "new" | null>(null);
  return (
    <section className="mt-6" aria-label={t("Pools")}>
      <div className="mb-2 flex items-center justify-between gap-4">
        <h2 className="text-xs font-semibold text-muted-foreground">{t("Pools")}</h2>
        <Button size="sm" onClick={() => setEditing("new")}>
          <Plus /> {t("Add a pool")}
        </Button>
      </div>
      {pools.isError ? (
        <QueryErrorState title={t("The pools could not be read")} query={pools} />
      ) : (
        <ul className="rounded-lg border bg-card">
          {pools.data?.length === 0 ? (
            <li className="px-4 py-2.5 text-xs text-muted-foreground">
              {t(
                "None. A pool starts workers by Slurm, Ray, Kubernetes, SSH or SkyPilot when runs wait for one, and ends them when they are idle.",
              )}
            </li>
          ) : null}
          {pools.data?.map((pool) => (
            <PoolCard key={pool.id} pool={pool} onEdit={() => setEditing(pool)} />
          ))}
        </ul>
      )}
      {editing === null ? null : <PoolDialog pool={editing} onClose={() => setEditing(null)} />}
    </section>
  );
}
