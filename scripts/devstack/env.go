package main

import (
	"encoding/json"
	"strings"
)

// The names of one installation. They are fixed: only ports and keys differ.
const (
	region            = "eu-central-1"
	bucketName        = "atrium"
	cdnKeyPairID      = "KATRIUMLOCAL0001"
	googleWebClient   = "atrium-web"
	googleClients     = "atrium-ios,atrium-web"
	appleWebClient    = "com.atrium.web"
	appleClients      = "com.atrium.app,com.atrium.web"
	appleTeamID       = "ATRIUMTEAM"
	appleKeyID        = "ATRIUMKEY1"
	redirectURIs      = "atrium://signed-in,http://127.0.0.1/signed-in"
	mailFrom          = "Atrium <hello@atrium.test>"
	pushProject       = "atrium-local"
	pushAccount       = "push@atrium-local.iam.gserviceaccount.test"
	queueAccount      = "000000000000"
	stripeWebhookPath = "/v1/webhooks/stripe"
)

// endpoints is the file that tells where everything is: URLs with a scheme and
// without a slash at the end.
type endpoints struct {
	API      string `json:"api"`
	Private  string `json:"private"`
	Database string `json:"database"`
	Redis    string `json:"redis"`
	S3       string `json:"s3"`
	CDN      string `json:"cdn"`
	SQS      string `json:"sqs"`
	Google   string `json:"google"`
	Apple    string `json:"apple"`
	Stripe   string `json:"stripe"`
	FCM      string `json:"fcm"`

	StripeMock string `json:"stripe_mock"` // Stripe's own, for request shapes
	SMTP       string `json:"smtp"`
	Mail       string `json:"mail"`
}

func (e endpoints) write(path string) error {
	content, err := json.MarshalIndent(e, "", "  ")
	if err != nil {
		return err
	}
	return writeAtomic(path, append(content, '\n'), 0o644)
}

// environment is what the child gets: base, with the stack's own names on top.
func (s *stack) environment(base []string) []string {
	return overlay(base, s.variables())
}

// overlay puts own on top of an environment.
func overlay(base []string, own map[string]string) []string {
	var env []string
	for _, pair := range base {
		name, _, _ := strings.Cut(pair, "=")
		if _, taken := own[name]; !taken {
			env = append(env, pair)
		}
	}
	for name, value := range own {
		env = append(env, name+"="+value)
	}
	return env
}

// variables are all names that the stack gives to the product.
func (s *stack) variables() map[string]string {
	return map[string]string{
		"ATRIUM_ENDPOINTS":         s.opts.endpoints,
		"ATRIUM_HTTP_ADDR":         s.opts.apiAddr,
		"ATRIUM_HTTP_PUBLIC_URL":   s.urls.API,
		"ATRIUM_HTTP_PRIVATE_ADDR": s.opts.privateAddr,
		"ATRIUM_HTTP_DRAIN_DELAY":  "0s", // no load balancer follows /readyz here

		"ATRIUM_DATABASE_URL":        s.urls.Database,
		"ATRIUM_DATABASE_DIRECT_URL": s.urls.Database,
		"ATRIUM_REDIS_URL":           s.urls.Redis,

		"ATRIUM_S3_ENDPOINT":          s.urls.S3,
		"ATRIUM_S3_REGION":            region,
		"ATRIUM_S3_BUCKET":            bucketName,
		"ATRIUM_S3_ACCESS_KEY_ID":     s.secrets.S3AccessKey,
		"ATRIUM_S3_SECRET_ACCESS_KEY": s.secrets.S3SecretKey,
		"ATRIUM_S3_PATH_STYLE":        "true",
		"ATRIUM_SQS_ENDPOINT":         s.urls.SQS,
		"ATRIUM_SQS_QUEUE_URL":        s.urls.SQS + "/" + queueAccount + "/" + bucketName,
		"ATRIUM_CDN_URL":              s.urls.CDN,
		"ATRIUM_CDN_KEY_PAIR_ID":      cdnKeyPairID,
		"ATRIUM_CDN_PRIVATE_KEY":      s.secrets.CDNKey,
		"ATRIUM_CDN_ENDPOINT":         s.urls.CDN,
		"ATRIUM_CDN_DISTRIBUTION_ID":  distribution,

		"ATRIUM_DOWNLOAD_ALLOW": "127.0.0.1/32", // the stand-ins are on this machine

		"ATRIUM_KEYS_MASTER":               s.secrets.MasterKey,
		"ATRIUM_AUTH_GOOGLE_ISSUER":        s.urls.Google,
		"ATRIUM_AUTH_GOOGLE_CLIENT_IDS":    googleClients,
		"ATRIUM_AUTH_GOOGLE_WEB_CLIENT_ID": googleWebClient,
		"ATRIUM_AUTH_GOOGLE_CLIENT_SECRET": s.secrets.GoogleClientSecret,
		"ATRIUM_AUTH_APPLE_ISSUER":         s.urls.Apple,
		"ATRIUM_AUTH_APPLE_CLIENT_IDS":     appleClients,
		"ATRIUM_AUTH_APPLE_WEB_CLIENT_ID":  appleWebClient,
		"ATRIUM_AUTH_APPLE_TEAM_ID":        appleTeamID,
		"ATRIUM_AUTH_APPLE_KEY_ID":         appleKeyID,
		"ATRIUM_AUTH_APPLE_PRIVATE_KEY":    s.secrets.AppleDeveloperKey,
		"ATRIUM_AUTH_REDIRECT_URIS":        redirectURIs,

		"ATRIUM_MAIL_SMTP_URL":           s.urls.SMTP,
		"ATRIUM_MAIL_FROM":               mailFrom,
		"ATRIUM_PUSH_ENDPOINT":           s.urls.FCM,
		"ATRIUM_PUSH_CREDENTIALS":        s.pushCredentials(),
		"ATRIUM_PAYMENT_ENDPOINT":        s.urls.Stripe,
		"ATRIUM_PAYMENT_SECRET_KEY":      s.secrets.StripeSecretKey,
		"ATRIUM_PAYMENT_PUBLISHABLE_KEY": s.secrets.StripePublishable,
		"ATRIUM_PAYMENT_WEBHOOK_SECRET":  s.secrets.StripeWebhook,
	}
}

// pushCredentials is a service account's key file as Google hands them out.
func (s *stack) pushCredentials() string {
	document, _ := json.Marshal(map[string]string{
		"type":           "service_account",
		"project_id":     pushProject,
		"private_key_id": "local",
		"private_key":    s.secrets.PushAccountKey,
		"client_email":   pushAccount,
		"client_id":      "100000000000000000001",
		"token_uri":      s.urls.FCM + "/token",
	}) // strings alone cannot fail
	return string(document)
}
