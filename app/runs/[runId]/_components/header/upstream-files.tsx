"use client";
import { skipToken, useQuery } from "@tanstack/react-query";
import { Download, FileDown } from "lucide-react";
import { useMemo, useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { formatBytes } from "@/app/_lib/format/format";
import { saveFile } from "@/app/_lib/save-file";
import { useTRPC } from "@/app/_lib/live/trpc";
import { Button } from "@/app/_ui/button";
import { Dialog } from "@/app/_ui/dialog";
import { ErrorState, Skeleton } from "@/app/_ui/states";

/**
 * A run's results as the files that s3's own scripts write and read, each to be saved. They are made when they are asked
 * for.
 */
export function UpstreamFiles({ runId }: { runId: string }) {
  const t = useText();
  const trpc = useTRPC();
  const [open, setOpen] = useState(false);
  const exported = useQuery(
    trpc.upstream.export.queryOptions(open ? { runId } : skipToken, {
      retry: false,
      staleTime: 0,
      gcTime: 0,
    }),
  );
  const files = useMemo(
    () =>
      exported.data?.files.map((file) => ({
        ...file,
        bytes: new TextEncoder().encode(file.content).length,
      })) ?? [],
    [exported.data],
  );
  return (
    <>
      <Button onClick={() => setOpen(true)}>
        <FileDown /> {t("Upstream's files")}
      </Button>
      <Dialog
        open={open}
        onOpenChange={setOpen}
        title={t("Upstream's files")}
        description={t(
          "This run as s3's own scripts write and read it. The command line writes all of them into a folder: npm run s3 -- upstream export.",
        )}
      >
        {exported.isError ? (
          <ErrorState title={t("Not exported")} error={exported.error} />
        ) : exported.isPending ? (
          <Skeleton className="h-24" />
        ) : (
          <ul className="divide-y" aria-label={t("Files")}>
            {files.map(({ path, content, bytes }) => (
              <li key={path} className="flex items-center justify-between gap-3 py-1.5">
                <span className="min-w-0 font-mono text-xs break-all">{path}</span>
                <Button
                  size="sm"
                  className="shrink-0"
                  aria-label={t("Save {path}", { path })}
                  onClick={() => saveFile(path.split("/").at(-1)!, "application/json", content)}
                >
                  <Download /> {formatBytes(bytes)}
                </Button>
              </li>
            ))}
          </ul>
        )}
      </Dialog>
    </>
  );
}
