import { QueryClientProvider } from '@tanstack/react-query';
import { lazy, Suspense, useEffect } from 'react';
import { Redirect, Route, Router, Switch, useLocation } from 'wouter';
import { useBrowserLocation } from 'wouter/use-browser-location';
import { api, basePath } from './api/client';
import { queries } from './api/queries';
import { useLoginNeeded } from './api/session';
import { Boundary } from './components/Boundary';
import { Blank, Skeleton } from './components/Notice';
import { Shell } from './components/Shell';
import { loadLanguage, useI18n } from './i18n';
import { guarded } from './lib/guard';
import { nextPage } from './lib/next';
import { JobsPage } from './pages/jobs/JobsPage';
import { NowPage } from './pages/now/NowPage';

const pages = {
  editor: () => import('./pages/editor/EditorPage'),
  job: () => import('./pages/job/JobPage'),
  queues: () => import('./pages/queues/QueuesPage'),
  run: () => import('./pages/run/RunPage'),
  runs: () => import('./pages/runs/RunsPage'),
  settings: () => import('./pages/settings/SettingsPage'),
};
const EditorPage = lazy(pages.editor);
const JobPage = lazy(pages.job);
const LoginPage = lazy(() => import('./pages/login/LoginPage'));
const QueuesPage = lazy(pages.queues);
const RunPage = lazy(pages.run);
const RunsPage = lazy(pages.runs);
const SettingsPage = lazy(pages.settings);

/** When the first page has settled, the others are loaded: they open at once then, and while the server is away. */
const settled = 2000;

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
  const { t, language } = useI18n();
  const [location] = useLocation();
  useEffect(() => void loadLanguage(language), [language]);
  useEffect(() => {
    const timer = setTimeout(() => {
      for (const load of Object.values(pages)) void load().catch(() => undefined); // it is loaded when it is opened
    }, settled);
    return () => clearTimeout(timer);
  }, []);
  const loginNeeded = useLoginNeeded();
  useEffect(() => {
    const next = nextPage(window.location.search);
    if (next === null || loginNeeded) return;
    void api.GET('/api/v1/session').then(({ data }) => {
      if (data?.scope) window.location.replace(basePath + next);
    });
  }, [loginNeeded]);
  if (loginNeeded) {
    return (
      <Suspense fallback={null}>
        <LoginPage />
      </Suspense>
    );
  }
  return (
    <Shell>
      <Boundary key={location}>
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
      </Boundary>
    </Shell>
  );
}
