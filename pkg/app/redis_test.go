package app

import (
	"strings"
	"testing"

	"schedule-server/internal/testserver"
)

func TestRedisOptionsForTLS(t *testing.T) {
	a := testserver.NewAuthority(t)
	a.Client("client")
	a.Client("other")
	for name, tc := range map[string]struct {
		options RedisOptions
		want    string
	}{
		"nothing":                  {RedisOptions{}, ""},
		"an authority":             {RedisOptions{RedisCAFile: a.File("ca.crt")}, ""},
		"a certificate":            {RedisOptions{RedisCertFile: a.File("client.crt"), RedisKeyFile: a.File("client.key")}, ""},
		"no such authority":        {RedisOptions{RedisCAFile: a.File("none")}, "--redis-ca-file"},
		"an authority that is not": {RedisOptions{RedisCAFile: a.File("client.key")}, "--redis-ca-file"},
		"a certificate alone":      {RedisOptions{RedisCertFile: a.File("client.crt")}, "--redis-cert-file: needs --redis-key-file"},
		"a key alone":              {RedisOptions{RedisKeyFile: a.File("client.key")}, "--redis-key-file: needs --redis-cert-file"},
		"a key of another":         {RedisOptions{RedisCertFile: a.File("client.crt"), RedisKeyFile: a.File("other.key")}, "--redis-cert-file"},
	} {
		config, err := tc.options.TLS()
		switch {
		case tc.want != "":
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: %v, want %q", name, err, tc.want)
			}
		case err != nil:
			t.Errorf("%s: %v", name, err)
		case (config == nil) != (tc.options == RedisOptions{}):
			t.Errorf("%s: %+v", name, config)
		case config != nil && (config.RootCAs == nil) != (tc.options.RedisCAFile == ""):
			t.Errorf("%s: the authorities are %v", name, config.RootCAs)
		case config != nil && (config.GetClientCertificate == nil) != (tc.options.RedisCertFile == ""):
			t.Errorf("%s: there is no certificate, or one too many", name)
		}
	}
}
