import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { timelineQuery } from '../api/queries';
import { now, useNowEvery } from '../lib/clock';
import { formatRunFilter } from '../lib/filters';
import { windowAround, type Zoom, zooms } from '../lib/horizon';
import { Horizon } from './Horizon';

interface Props {
  /** The id of a job: only its occurrences. */
  job?: string;
  height?: number;
  /** A stretch of the future was picked. Without it only the past can be. */
  onPickFuture?: (from: number, to: number) => void;
}

const remembered = 'schedule-server:zoom';

/** The strip around now. A stretch of the past that is picked leads to its runs. */
export function LiveHorizon({ job, height, onPickFuture }: Props) {
  const [, navigate] = useLocation();
  const [zoom, setZoom] = useState<Zoom>(rememberedZoom);
  const moment = useNowEvery(zooms[zoom].step);
  const { data } = useQuery(timelineQuery(zoom, moment, job));
  const shown = data ?? { ...windowAround(moment, zoom), buckets: undefined };
  return (
    <Horizon
      {...shown}
      zoom={zoom}
      height={height}
      onZoom={(next) => {
        setZoom(next);
        sessionStorage.setItem(remembered, next);
      }}
      onPick={(from, to) => {
        if (from >= now() && onPickFuture) onPickFuture(from, to);
        else if (from < now()) navigate(`/runs${formatRunFilter(stretchOf(from, to, job))}`);
      }}
    />
  );
}

function stretchOf(from: number, to: number, job = '') {
  const since = new Date(from).toISOString();
  // The end belongs to the next stretch.
  const until = new Date(to - 1).toISOString();
  return { state: '' as const, trigger: '' as const, job, since, until };
}

function rememberedZoom(): Zoom {
  const zoom = sessionStorage.getItem(remembered);
  return zoom !== null && Object.hasOwn(zooms, zoom) ? (zoom as Zoom) : '24h';
}
