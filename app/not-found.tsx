"use client";
import { Link } from "@/app/_ui/link";
import { useText } from "@/app/_i18n/text-provider";
import { Button } from "./_ui/button";
import { EmptyState } from "./_ui/states";

export default function NotFound() {
  const t = useText();
  return (
    <EmptyState
      title={t("There is no such page")}
      action={
        <Button asChild>
          <Link href="/runs">{t("All runs")}</Link>
        </Button>
      }
    >
      {t("The address may be mistyped, or what it named was deleted.")}
    </EmptyState>
  );
}
