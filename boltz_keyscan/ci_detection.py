"""Environment variables that CI services set for the processes of a job.

Most services set ``CI``. For the others there is the variable that the linked page documents.
docs/suppressions.md has the same list, and a test compares them.
"""

from __future__ import annotations

from collections.abc import Mapping

VARIABLES = {
    # GitHub Actions, GitLab, Bitbucket, CircleCI, Travis, AppVeyor, Drone, Woodpecker, Semaphore, Cirrus
    # and others, for example docs.github.com/actions/reference/workflows-and-actions/variables
    "CI": "most services",
    # learn.microsoft.com/azure/devops/pipelines/build/variables
    "TF_BUILD": "Azure Pipelines",
    # www.jenkins.io/doc/book/pipeline/jenkinsfile/#using-environment-variables
    "JENKINS_URL": "Jenkins",
    # www.jetbrains.com/help/teamcity/predefined-build-parameters.html
    "TEAMCITY_VERSION": "TeamCity",
    # docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-env-vars.html
    "CODEBUILD_BUILD_ID": "AWS CodeBuild",
    # confluence.atlassian.com/bamboo/bamboo-variables-289277087.html
    "bamboo_buildKey": "Bamboo",
    # buildkite.com/docs/pipelines/configure/environment-variables
    "BUILDKITE": "Buildkite",
    # docs.gocd.org/current/faq/dev_use_current_revision_in_build.html
    "GO_PIPELINE_NAME": "GoCD",
    # codefresh.io/docs/docs/pipelines/variables/
    "CF_BUILD_ID": "Codefresh",
    # developer.harness.io/docs/continuous-integration/use-ci/optimize-and-more/ci-env-var/
    "HARNESS_BUILD_ID": "Harness",
}
"""Names of variables, with the service that sets each."""

_OFF = {"", "0", "false", "no"}


def is_automated(environment: Mapping[str, str]) -> bool:
    """Return True if one of the variables is set to a value other than 0, false or no."""
    return any(environment.get(name, "").lower() not in _OFF for name in VARIABLES)
