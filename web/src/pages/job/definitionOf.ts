import type { Job, JobInput } from '../../api/client';

/** What somebody wrote of a job: without what only the service writes. */
export function definitionOf(job: Job): JobInput {
  const { id, name, description, tags, schedule, request, policy } = job;
  return { id, name, description, tags, schedule, request, policy };
}
