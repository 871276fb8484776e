"use client";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Plug, Plus } from "lucide-react";
import dynamic from "next/dynamic";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { QueryErrorState, Skeleton } from "@/app/_ui/states";
import { TargetItem } from "@/app/_ui/target-item";
import { useNotify } from "@/app/_ui/toast";
import type { MirrorRow } from "@/contracts/api/mirrors";
import { MIRROR_KINDS } from "./mirror-texts";

/** Loaded when it is opened first: it checks what was entered by the schemas. */
const MirrorDialog = dynamic(() => import("./mirror-dialog").then((m) => m.MirrorDialog), {
  ssr: false,
});

/** Where the metrics of runs are mirrored to. */
export function MirrorsView() {
  const t = useText();
  const trpc = useTRPC();
  const [adding, setAdding] = useState(false);
  const mirrors = useQuery(trpc.mirrors.list.queryOptions(undefined, { refetchInterval: 5_000 }));
  return (
    <>
      <header className="flex items-center justify-between gap-4">
        <h1 className="text-lg font-semibold">{t("Mirrors")}</h1>
        <Button variant="primary" onClick={() => setAdding(true)}>
          <Plus /> {t("Add a mirror")}
        </Button>
      </header>
      <Card className="mt-4 pb-2" aria-label={t("Mirrors")}>
        <CardHeader
          title={t("Mirrors")}
          description={t(
            "Each run's metrics, sent on by the server to another tracker. A mirror that fails changes nothing of a run; what it missed is sent later.",
          )}
        />
        <QueryErrorState
          className="m-4"
          title={t("The mirrors could not be read")}
          query={mirrors}
        />
        {mirrors.isPending ? <Skeleton className="m-4 h-16" /> : null}
        {mirrors.data?.length === 0 ? (
          <p className="px-4 py-3 text-muted-foreground">
            {t("No mirror: metrics are here alone. Add MLflow, TensorBoard, W&B or console lines.")}
          </p>
        ) : null}
        <ul>
          {mirrors.data?.map((mirror) => (
            <MirrorItem key={mirror.id} mirror={mirror} />
          ))}
        </ul>
      </Card>
      {adding ? <MirrorDialog onClose={() => setAdding(false)} /> : null}
    </>
  );
}

/** A mirror with how far it is. */
function MirrorItem({ mirror }: { mirror: MirrorRow }) {
  const t = useText();
  const trpc = useTRPC();
  const queryClient = useQueryClient();
  const notify = useNotify();
  const test = useMutation(
    trpc.mirrors.test.mutationOptions({
      onSuccess: () => notify("good", t("{name} can be reached", { name: mirror.name })),
      onError: (error) => notify("bad", `${mirror.name}: ${error.message}`),
    }),
  );
  const remove = useMutation(
    trpc.mirrors.remove.mutationOptions({
      onSettled: () => void queryClient.invalidateQueries(trpc.mirrors.pathFilter()),
      onError: (error) => notify("bad", error.message),
    }),
  );
  const { name, kind, target, complete, open, failing, error } = mirror;
  return (
    <TargetItem
      data-mirror={name}
      name={name}
      facts={[t(MIRROR_KINDS[kind]), target].filter(Boolean).join(" · ")}
      progress={t(
        "{complete, plural, one {# run} other {# runs}} complete{open, plural, =0 {} other {, {open} under way}}{failing, plural, =0 {} other {, {failing} failing}}",
        { complete, open, failing },
      )}
      error={error}
      test={{
        label: (
          <>
            <Plug /> {test.isPending ? t("Trying") : t("Try it")}
          </>
        ),
        isPending: test.isPending,
        run: () => test.mutate({ id: mirror.id }),
      }}
      removal={{
        consequence: t("What it was sent stays where it is; nothing more is sent."),
        isPending: remove.isPending,
        run: () => remove.mutate({ id: mirror.id }),
      }}
    />
  );
}
