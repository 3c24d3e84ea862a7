package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/rsa"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// startStandIns starts the servers that live inside this process.
func (s *stack) startStandIns(ctx context.Context) error {
	for _, start := range []func() error{
		func() error { return s.startStorage(ctx) },
		s.startGoogle, s.startApple, s.startStripe, s.startFCM, s.startMail,
	} {
		if err := start(); err != nil {
			return err
		}
	}
	return nil
}

// startStorage starts what belongs to the bucket: SQS, S3 and the CDN.
func (s *stack) startStorage(ctx context.Context) error {
	queues := newQueues()
	var err error
	if s.urls.SQS, err = s.serve("sqs", func(url string) http.Handler {
		return &sqsServer{queues: queues, url: url}
	}); err != nil {
		return err
	}
	client, err := s.startS3(ctx, queues)
	if err != nil {
		return err
	}
	key, err := parseKey[*rsa.PrivateKey](s.secrets.CDNKey)
	if err != nil {
		return err
	}
	s.urls.CDN, err = s.serve("cdn", always(&cdn{
		client: client, key: &key.PublicKey, edge: newEdge(),
		caller: aws.Credentials{AccessKeyID: s.secrets.S3AccessKey, SecretAccessKey: s.secrets.S3SecretKey},
	}))
	return err
}

func (s *stack) startGoogle() error {
	key, err := parseKey[*rsa.PrivateKey](s.secrets.GoogleIssuerKey)
	if err != nil {
		return err
	}
	google := newIssuer(key, googleClients)
	google.webClient, google.secret = googleWebClient, s.secrets.GoogleClientSecret
	s.urls.Google, err = s.serve("google", google.handler)
	return err
}

func (s *stack) startApple() error {
	key, err := parseKey[*rsa.PrivateKey](s.secrets.AppleIssuerKey)
	if err != nil {
		return err
	}
	developer, err := parseKey[*ecdsa.PrivateKey](s.secrets.AppleDeveloperKey)
	if err != nil {
		return err
	}
	apple := newIssuer(key, appleClients)
	apple.apple = true
	apple.developer = &developer.PublicKey
	s.urls.Apple, err = s.serve("apple", apple.handler)
	return err
}

func (s *stack) startStripe() error {
	server := newStripe()
	server.addAccount(s.secrets.StripeSecretKey, s.urls.API+stripeWebhookPath, s.secrets.StripeWebhook)
	var err error
	if s.urls.StripeMock, err = s.serve("stripe-mock", always(stripeMock())); err != nil {
		return err
	}
	s.urls.Stripe, err = s.serve("stripe", always(server.handler()))
	if err == nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.parts = append(s.parts, part{"webhooks", server.close})
	}
	return err
}

func (s *stack) startFCM() error {
	key, err := parseKey[*rsa.PrivateKey](s.secrets.PushAccountKey)
	if err != nil {
		return err
	}
	s.urls.FCM, err = s.serve("fcm", newFCM(&key.PublicKey).handler)
	return err
}
