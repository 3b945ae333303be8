from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('ledger', '0007_events_have_a_place'),
    ]

    operations = [
        migrations.AlterField(
            model_name='event',
            name='type',
            field=models.CharField(choices=[('job_created', 'Job Created'), ('job_waiting', 'Job Waiting'), ('wait_completed', 'Wait Completed'), ('job_completed', 'Job Completed'), ('job_failing', 'Job Failing'), ('job_failed', 'Job Failed'), ('job_cancel_requested', 'Job Cancel Requested'), ('job_cancelled', 'Job Cancelled'), ('job_requeued', 'Job Requeued'), ('plan_generated', 'Plan Generated'), ('node_started', 'Node Started'), ('node_finished', 'Node Finished'), ('node_reclaimed', 'Node Reclaimed'), ('node_retrying', 'Node Retrying'), ('tool_invocation_started', 'Tool Invocation Started'), ('tool_invocation_finished', 'Tool Invocation Finished'), ('value_recorded', 'Value Recorded'), ('effect_resolved', 'Effect Resolved'), ('resolution_proposed', 'Resolution Proposed'), ('world_changed', 'World Changed'), ('fact_conflict', 'Fact Conflict'), ('llm_invocation_started', 'Llm Invocation Started'), ('llm_invocation_finished', 'Llm Invocation Finished')], max_length=40),
        ),
    ]
