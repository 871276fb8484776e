"use client";
import { SkeletonList } from "@/app/_ui/states";

/** In the place of a part of a run's page until all of it can be drawn, so that nothing in it moves. */
export const PartLoading = () => <SkeletonList count={3} className="h-40" list="mt-4 space-y-3" />;
