import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Redirect, Route, Router, Switch } from 'wouter';
import { useBrowserLocation } from 'wouter/use-browser-location';
import { basePath } from './api/client';
import { queries } from './api/queries';
import { useLoginNeeded } from './api/session';
import { Boundary } from './components/Boundary';
import { Blank, Skeleton } from './components/Notice';
import { Shell } from './components/Shell';
import { useI18n } from './i18n';
import { guarded } from './lib/guard';
import { JobsPage } from './pages/jobs/JobsPage';
import { NowPage } from './pages/now/NowPage';

const EditorPage = lazy(() => import('./pages/editor/EditorPage'));
const JobPage = lazy(() => import('./pages/job/JobPage'));
const LoginPage = lazy(() => import('./pages/login/LoginPage'));
const QueuesPage = lazy(() => import('./pages/queues/QueuesPage'));
const RunPage = lazy(() => import('./pages/run/RunPage'));
const RunsPage = lazy(() => import('./pages/runs/RunsPage'));
const SettingsPage = lazy(() => import('./pages/settings/SettingsPage'));

export function App() {
  return (
    <QueryClientProvider client={queries}>
      <Router base={basePath} hook={useBrowserLocation} aroundNav={(navigate, to, options) => guarded(() => navigate(to, options))}>
        <Boundary>
          <Gate />
        </Boundary>
      </Router>
    </QueryClientProvider>
  );
}

/** The pages, or the login where the server asks for a key. */
function Gate() {
  const { t } = useI18n();
  if (useLoginNeeded()) {
    return (
      <Suspense fallback={null}>
        <LoginPage />
      </Suspense>
    );
  }
  return (
    <Shell>
      <Suspense fallback={<Skeleton lines={6} />}>
        <Switch>
          <Route path="/" component={NowPage} />
          <Route path="/jobs" component={JobsPage} />
          <Route path="/jobs/new" component={EditorPage} />
          <Route path="/jobs/:id/edit" component={EditorPage} />
          <Route path="/jobs/:id" component={JobPage} />
          <Route path="/runs" component={RunsPage} />
          <Route path="/runs/:id" component={RunPage} />
          <Route path="/queues" component={QueuesPage} />
          <Route path="/settings" component={SettingsPage} />
          <Route path="/settings/:section" component={SettingsPage} />
          <Route path="/index.html">
            <Redirect to="/" />
          </Route>
          <Route>
            <Blank icon="search" title={t('error.notFoundTitle')} />
          </Route>
        </Switch>
      </Suspense>
    </Shell>
  );
}
