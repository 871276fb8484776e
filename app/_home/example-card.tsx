"use client";
import { Link } from "@/app/_ui/link";
import { useState } from "react";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "@/app/_ui/button";
import { Card, CardHeader } from "@/app/_ui/card";
import { ConfirmDialog } from "@/app/_ui/confirm-dialog";
import { useOrganise } from "@/app/runs/_components/use-organise";
import { EXAMPLE_ACTOR } from "@/contracts/records/example-actor";

/** Says what a new installation shows, and removes it; nothing once it is removed. */
export function ExampleCard({ runIds }: { runIds: readonly string[] }) {
  const t = useText();
  const [isAsking, setIsAsking] = useState(false);
  const organise = useOrganise(() => setIsAsking(false));
  if (runIds.length === 0) return null;
  return (
    <Card className="pb-3" aria-label={t("Example")}>
      <CardHeader title={t("Example")} />
      <p className="mt-1 px-4 text-xs text-muted-foreground">
        {t(
          "{runs, plural, one {# run} other {# runs}} recorded with this product show what each page is for. They are not yours, and their weights are not here.",
          { runs: runIds.length },
        )}
      </p>
      <div className="mt-2 flex gap-2 px-4">
        <Button size="sm" asChild>
          <Link href={`/runs?tags=${EXAMPLE_ACTOR}`}>{t("Look at them")}</Link>
        </Button>
        <Button size="sm" variant="ghost" onClick={() => setIsAsking(true)}>
          {t("Remove")}
        </Button>
      </div>
      <ConfirmDialog
        open={isAsking}
        onClose={() => setIsAsking(false)}
        title={t("Remove the example?")}
        description={t(
          "Its runs leave every list and the leaderboard. They can be restored under deleted runs for some days.",
        )}
        confirmLabel={t("Remove the example")}
        pending={organise.busy}
        onConfirm={() => organise.update(runIds, { deleted: true })}
      />
    </Card>
  );
}
